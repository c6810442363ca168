//! Detects macros that expanded too early: their code is in the body, so the layers would run
//! around it.

use proc_macro2::{TokenStream, TokenTree};

use crate::async_trait::AsyncTraitBody;
use crate::layer::Kind;
use crate::tokens::contains_ident;

/// The name of the static that every expansion declares. A second expansion recognises the first by
/// it.
pub(crate) const MARKER: &str = "__RESILIENCE_SITE";

/// Why the body is rejected, with what to write instead.
pub(crate) fn rejection_reason(body: &TokenStream, attribute: Kind) -> Option<String> {
    let prologue = AsyncTraitBody::recognise(body).map(|recognised| recognised.prologue);
    if holds_marker(body) || prologue.is_some_and(|prologue| holds_marker(&prologue)) {
        return Some(format!(
            "a renamed import hides `{attribute}` from the attributes above it; import it under \
             its own name, or write `#[resilience::{}]`",
            attribute.name()
        ));
    }
    // A macro above changes the body, so its code runs inside all layers.
    let (span, runtime) = match attribute {
        Kind::Boundary => (
            "creates a span that ends before the error is logged",
            "starts a runtime inside the boundary",
        ),
        _ => ("creates a span for each attempt", "starts a runtime for each attempt"),
    };
    if contains_ident(body, |name| {
        let name = name.to_string();
        name.starts_with("__tracing_attr_") || name.starts_with("__tracing_instrument_")
    }) {
        return Some(format!(
            "`#[instrument]` above `{attribute}` {span}; move it below `{attribute}` for one span \
             around the whole call"
        ));
    }
    if is_runtime(body) {
        return Some(format!(
            "`#[tokio::main]` or `#[tokio::test]` above `{attribute}` {runtime}; move it below \
             `{attribute}`"
        ));
    }
    None
}

/// Only looks at the top level, because a function inside the body may be annotated too.
fn holds_marker(body: &TokenStream) -> bool {
    body.clone()
        .into_iter()
        .any(|token| matches!(token, TokenTree::Ident(ident) if ident == MARKER))
}

/// Whether `#[tokio::main]` has generated the body, which then ends with a block that builds a
/// runtime and calls `block_on`.
fn is_runtime(body: &TokenStream) -> bool {
    let Some(TokenTree::Group(last)) = body.clone().into_iter().last() else { return false };
    let names: Vec<String> = last.stream().into_iter().map(|token| token.to_string()).collect();
    names.iter().any(|name| name == "block_on")
        && names.iter().any(|name| name == "Builder" || name == "LocalRuntime")
}
