//! Detects macros that expanded too early: their code is in the body, and the nest would be built
//! around it.

use proc_macro2::{TokenStream, TokenTree};

use crate::async_trait::AsyncTraitBody;
use crate::layer::Kind;
use crate::tokens::contains_ident;

/// The name of the static that every nest declares, and by which a second expansion recognises the
/// first.
pub(crate) const MARKER: &str = "__RESILIENCE_SITE";

/// What is wrong with a body, and what to write instead.
pub(crate) fn rejection_reason(body: &TokenStream, attribute: Kind) -> Option<String> {
    let prologue = AsyncTraitBody::recognise(body).map(|recognised| recognised.prologue);
    if holds_marker(body) || prologue.is_some_and(|prologue| holds_marker(&prologue)) {
        return Some(format!(
            "a renamed import hides which layer `{attribute}` is, and the nest would be built in the wrong order; import it under its own name, or write `#[resilience::{}]`",
            attribute.name()
        ));
    }
    // A macro above changes the body, so its code runs inside all layers.
    let (span, runtime) = match attribute {
        Kind::Boundary => (
            "makes a span inside of it, which its record has no part in",
            "start a runtime inside of it",
        ),
        _ => ("makes a span per attempt", "start a runtime per attempt"),
    };
    if contains_ident(body, |name| {
        let name = name.to_string();
        name.starts_with("__tracing_attr_") || name.starts_with("__tracing_instrument_")
    }) {
        return Some(format!(
            "`#[instrument]` above `{attribute}` {span}; write `#[instrument]` below `{attribute}`, and it makes one span around the whole nest"
        ));
    }
    if is_runtime(body) {
        return Some(format!(
            "`#[tokio::test]` and `#[tokio::main]` above `{attribute}` {runtime}; write them below `{attribute}`"
        ));
    }
    None
}

/// Only at the top level: a function inside the body may be annotated too.
fn holds_marker(body: &TokenStream) -> bool {
    body.clone()
        .into_iter()
        .any(|token| matches!(token, TokenTree::Ident(ident) if ident == MARKER))
}

/// Whether `#[tokio::main]` has written the body: one that ends in a block which builds a runtime and blocks on
/// `body`.
fn is_runtime(body: &TokenStream) -> bool {
    let Some(TokenTree::Group(last)) = body.clone().into_iter().last() else { return false };
    let names: Vec<String> = last.stream().into_iter().map(|token| token.to_string()).collect();
    names.iter().any(|name| name == "block_on")
        && names.iter().any(|name| name == "Builder" || name == "LocalRuntime")
}
