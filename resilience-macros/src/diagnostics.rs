//! Collects errors, so that one compile reports them all, and defines those that all macros share.

use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;

/// The errors found so far, in source order.
#[must_use = "errors that aren't emitted are lost"]
#[derive(Default)]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }

    /// Adds an error at `span`.
    pub(crate) fn at(&mut self, span: Span, message: impl std::fmt::Display) {
        self.push(syn::Error::new(span, message));
    }

    /// Adds an error that spans all of `tokens`.
    pub(crate) fn on(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.push(syn::Error::new_spanned(tokens.into_token_stream(), message));
    }

    /// Returns the value, or keeps the error.
    pub(crate) fn take<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// Adds `others` after the errors found so far.
    pub(crate) fn append(&mut self, others: Errors) {
        if let Some(others) = others.0 {
            self.push(others);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// One `compile_error!` per error; empty if there are none.
    pub(crate) fn into_compile_errors(self) -> TokenStream {
        self.0.map(|errors| errors.to_compile_error()).unwrap_or_default()
    }
}

/// ``unknown `#[retry]` option `atempts`; did you mean `attempts`?`` If no option is similar, says
/// what is expected.
pub(crate) fn unknown(attribute: &str, key: &Ident, valid: &[&str], expected: &str) -> syn::Error {
    if let Some(meant) = nearest(&key.to_string(), valid) {
        return syn::Error::new(
            key.span(),
            format!("unknown `{attribute}` option `{key}`; did you mean `{meant}`?"),
        );
    }
    syn::Error::new(
        key.span(),
        format!("unknown `{attribute}` option `{key}`; expected {expected}"),
    )
}

/// ``one of: `attempts`, `base` ``
pub(crate) fn one_of(options: &[&str]) -> String {
    let list = options.iter().map(|option| format!("`{option}`")).collect::<Vec<_>>();
    format!("one of: {}", list.join(", "))
}

/// The option that `written` is most likely a typo of: the same but for case, or with at most a
/// third of the letters wrong. `None` if several are equally close.
fn nearest<'a>(written: &str, valid: &[&'a str]) -> Option<&'a str> {
    let plain = |word: &str| word.replace('_', "").to_lowercase();
    let written = plain(written);
    let mut near: Vec<(usize, &str)> = valid
        .iter()
        .map(|&word| (distance(&written, &plain(word)), word))
        .filter(|(off, _)| off * 3 <= written.len())
        .collect();
    near.sort_unstable();
    match near[..] {
        [(off, word), (next, _), ..] if off < next => Some(word),
        [(_, word)] => Some(word),
        _ => None,
    }
}

/// The Levenshtein distance, in bytes.
pub(crate) fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.bytes().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

/// ``duplicate `#[retry]` option `attempts`; keep one``
pub(crate) fn duplicate(attribute: &str, key: &Ident) -> syn::Error {
    syn::Error::new(key.span(), format!("duplicate `{attribute}` option `{key}`; keep one"))
}
