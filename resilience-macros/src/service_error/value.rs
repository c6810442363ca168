//! Helpers to parse `#[service(…)]`: slots, choices, and recovery after an error.

use proc_macro2::{Ident, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Attribute, LitStr, Meta, Token};

use crate::diagnostics::{self, Errors};

pub(crate) const ATTRIBUTE: &str = "#[service]";

/// A value with its key. Errors about a misplaced option point at the key, those about a wrong
/// value at the value.
pub(crate) struct Slot<T> {
    pub(crate) key: Ident,
    pub(crate) value: T,
}

/// Sets an option, or reports a duplicate.
pub(crate) fn set<T>(slot: &mut Option<Slot<T>>, key: Ident, value: T, errors: &mut Errors) {
    if slot.is_some() {
        errors.push(diagnostics::duplicate(ATTRIBUTE, &key));
    } else {
        *slot = Some(Slot { key, value });
    }
}

/// Calls `read` with each key of each `#[service(…)]`. A mistake in one option doesn't hide those
/// in the next.
///
/// Returns `false` if an attribute couldn't be parsed at all, so that its meaning is unknown.
pub(crate) fn each_option(
    attributes: &[Attribute],
    errors: &mut Errors,
    mut read: impl FnMut(Ident, ParseStream<'_>, &mut Errors) -> syn::Result<()>,
) -> bool {
    let mut readable = true;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("service")) {
        let Meta::List(list) = &attribute.meta else {
            errors.on(
                &attribute.meta,
                "`#[service]` needs options in parentheses; write `#[service(…)]`",
            );
            readable = false;
            continue;
        };
        if list.tokens.is_empty() {
            errors.on(&attribute.meta, "`#[service()]` is empty; add an option, or remove it");
            readable = false;
            continue;
        }
        let result = (|input: ParseStream<'_>| {
            while !input.is_empty() {
                let complete = match input.call(Ident::parse_any) {
                    Ok(key) => {
                        let result = read(key, input, errors);
                        errors.take(result).is_some()
                    }
                    Err(error) => {
                        errors.at(
                            error.span(),
                            "`#[service]` takes words and `key = value` pairs, separated by `,`",
                        );
                        readable = false;
                        false
                    }
                };
                if complete && !input.is_empty() && !input.peek(Token![,]) {
                    errors.push(input.error("expected `,` between the options of `#[service]`"));
                }
                skip_past_comma(input)?;
            }
            Ok(())
        })
        .parse2(list.tokens.clone());
        errors.take(result);
    }
    readable
}

fn skip_past_comma(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() {
        if input.parse::<Option<Token![,]>>()?.is_some() {
            break;
        }
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

/// Parses `= "text"`; `example` shows what to write.
pub(crate) fn text(key: &Ident, input: ParseStream<'_>, example: &str) -> syn::Result<LitStr> {
    value(key, input, example)?;
    let wrong =
        |span| syn::Error::new(span, format!("`{key}` takes a string; write `{key} = {example}`"));
    let text: LitStr = input.parse().map_err(|error: syn::Error| wrong(error.span()))?;
    // rustc only sees the suffix where it sees the string.
    if text.suffix().is_empty() { Ok(text) } else { Err(wrong(text.span())) }
}

/// Parses the `=` before a value.
pub(crate) fn value(key: &Ident, input: ParseStream<'_>, example: &str) -> syn::Result<()> {
    let assigned = input.parse::<Option<Token![=]>>()?.is_some();
    // At the end of the input a parser would report the whole derive.
    if !assigned || input.is_empty() || input.peek(Token![,]) {
        return Err(syn::Error::new(
            key.span(),
            format!("`{key}` needs a value; write `{key} = {example}`"),
        ));
    }
    Ok(())
}

/// Rejects a value after a word.
pub(crate) fn bare(key: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
    if input.peek(Token![=]) || input.peek(syn::token::Paren) {
        return Err(syn::Error::new(
            key.span(),
            format!("`{key}` takes no value; write `{key}` alone"),
        ));
    }
    Ok(())
}

/// Parses `= word` or `= "word"`, where the word is one of `words`.
pub(crate) fn choice<T: Copy>(
    key: &Ident,
    input: ParseStream<'_>,
    words: &[(&str, T)],
) -> syn::Result<T> {
    value(key, input, words[0].0)?;
    let (word, span) = if input.peek(LitStr) {
        let literal: LitStr = input.parse()?;
        (literal.value(), literal.span())
    } else {
        let span = input.span();
        (input.call(Ident::parse_any).map(|word| word.to_string()).unwrap_or_default(), span)
    };
    words.iter().find(|(valid, _)| *valid == word).map(|(_, choice)| *choice).ok_or_else(|| {
        let list = words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        syn::Error::new(span, format!("`{key}` must be one of: {list}"))
    })
}
