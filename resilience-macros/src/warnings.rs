//! Warnings about code that is valid but likely wrong, reported at the attribute.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::quote;
use syn::spanned::Spanned;
use syn::{Attribute, Meta};

use crate::function::Function;
use crate::layer::{Boundary, Degrade, Kind, Nest, Retry, Scope, Timeout, Transaction, named};
use crate::outcome;

const UNSAID: &str = "`#[retry]` doesn't say whether the operation is safe to repeat; write \
                      `idempotent`, `non_idempotent` or `idempotency_key`";

const LOGGED_TWICE: &str = "`err` logs the error a second time, with what `#[boundary]` redacts; \
                            remove it, since `#[boundary]` reports the error";

/// The warnings about attributes of an `impl` block that an earlier method has given.
#[derive(Default)]
pub(crate) struct Said(BTreeSet<&'static str>);

impl Said {
    /// Whether a warning about `retry` is still to be given.
    fn is_first(&mut self, retry: &Retry, warning: &'static str) -> bool {
        !retry.is_of_block || self.0.insert(warning)
    }
}

/// Code that makes rustc emit the warnings for a nest.
pub(crate) fn of(nest: &Nest, scope: &Scope<'_>, said: &mut Said) -> TokenStream {
    if has_hidden_sibling(scope.function) {
        // The nest isn't complete, and the sibling's expansion reports an error.
        return TokenStream::new();
    }
    let mut warnings = TokenStream::new();
    warnings.extend(of_function(scope));
    if let Some((span, message)) = nest.get::<Degrade>().and_then(|(_, it)| it.finding()) {
        warnings.extend(warning(span, "stale_key_is_incomplete", &message));
    }
    if let Some((_, transaction)) = nest.get::<Transaction>() {
        for found in transaction.findings(scope) {
            warnings.extend(warning(found.span, found.name, found.message));
        }
    }
    if nest.get::<Boundary>().is_some() {
        for span in scope.function.attrs.iter().filter_map(logged_by_instrument) {
            warnings.extend(warning(span, "error_logged_twice", LOGGED_TWICE));
        }
    }
    warnings.extend(of_retry(nest, scope, said));
    warnings
}

/// Whether an attribute has the name of a layer, but a path that isn't known to be ours, as
/// `#[r::timeout]` has after `use resilience as r`.
fn has_hidden_sibling(function: &Function) -> bool {
    function.attrs.iter().any(|attribute| {
        attribute
            .path()
            .segments
            .last()
            .is_some_and(|last| Kind::ALL.iter().any(|kind| last.ident == kind.name()))
    })
}

fn of_function(scope: &Scope<'_>) -> TokenStream {
    let mut warnings = TokenStream::new();
    let function = scope.function;
    if let Some(attribute) =
        function.attrs.iter().find(|attribute| attribute.path().is_ident("track_caller"))
    {
        // rustc has a warning of its own for async functions.
        if function.sig.asyncness.is_none() {
            warnings.extend(warning(
                attribute.path().span(),
                "track_caller_without_effect",
                "the layers run the body in a closure, where `Location::caller()` isn't this \
                 function's caller; pass the location as an argument",
            ));
        }
    }
    if let Some(span) = function.return_type().and_then(outcome::read_later) {
        warnings.extend(warning(
            span,
            "read_after_the_layers",
            "the layers end when this function returns, and this is read later; read it here, or \
             write `#[allow(deprecated)]` if reading it needs no layers",
        ));
    }
    warnings
}

/// The place of `err` in `#[instrument(err)]`.
fn logged_by_instrument(attribute: &Attribute) -> Option<Span> {
    let Meta::List(list) = &attribute.meta else { return None };
    if list.path.segments.last().is_none_or(|last| last.ident != "instrument") {
        return None;
    }
    // An option is at the start or behind a comma, unlike the value of another.
    let mut begins = true;
    for token in list.tokens.clone() {
        match &token {
            TokenTree::Ident(option) if begins && option == "err" => return Some(option.span()),
            TokenTree::Punct(punct) => begins = punct.as_char() == ',',
            _ => begins = false,
        }
    }
    None
}

fn of_retry(nest: &Nest, scope: &Scope<'_>, said: &mut Said) -> TokenStream {
    let Some((_, retry)) = nest.get::<Retry>() else { return TokenStream::new() };
    let span = retry.span;
    let runtime = scope.runtime;
    let mut warnings = TokenStream::new();
    let without_timeout =
        scope.is_async() && !retry.external_timeout && nest.get::<Timeout>().is_none();
    if without_timeout && said.is_first(retry, "retry_without_timeout") {
        warnings.extend(warning(
            span,
            "retry_without_timeout",
            "an attempt that hangs is never retried; write `#[timeout(\"5s\")]` below `#[retry]`, \
             or `external_timeout` if the client has its own timeout",
        ));
    }
    if !scope.is_async() && !retry.blocking {
        warnings.extend(warning(
            span,
            "retry_blocks_the_thread",
            "the delays block the thread, and inside a runtime all tasks on it; write an \
             `async fn`, or `blocking` if callers use `spawn_blocking` or threads of their own",
        ));
    }
    match retry.says_whether_to_repeat() {
        Ok(false) if said.is_first(retry, "retry_without_idempotence") => {
            warnings.extend(warning(span, "retry_without_idempotence", UNSAID));
        }
        // The policy says it. A constant policy is checked at compile time.
        Err(policy) if scope.is_constant(policy) => {
            let check = Ident::new("CHECK", policy.span());
            let (named, statement) = named(policy, scope);
            warnings.extend(quote! {
                let _ = #runtime::PolicySaysWhetherToRepeat::<{ #statement #runtime::says_whether_to_repeat(&#named) }>::#check;
            });
        }
        Ok(_) | Err(_) => {}
    }
    warnings
}

/// Macros can't emit warnings on stable Rust, so this uses a deprecated constant.
///
/// Only the use has the user's span, so that other lints see macro-generated code.
fn warning(span: Span, name: &str, note: &str) -> TokenStream {
    let constant = Scope::name(name);
    let used = Ident::new(name, span);
    quote! {
        {
            #[deprecated(note = #note)]
            const #constant: () = ();
            let _ = #used;
        }
    }
}
