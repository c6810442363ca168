//! Traces of macros that expanded before us and must not have.

use proc_macro2::{TokenStream, TokenTree};

use crate::async_trait::AsyncTraitBody;

/// The name of the static that every nest declares, and by which a second expansion recognises the
/// first.
pub(crate) const MARKER: &str = "__RESILIENCE_SITE";

/// What is wrong with a body, and what to write instead.
pub(crate) fn objection(body: &TokenStream, owner: &str) -> Option<String> {
    let prologue = AsyncTraitBody::recognise(body).map(|recognised| recognised.prologue);
    if holds_marker(body) || prologue.is_some_and(|prologue| holds_marker(&prologue)) {
        return Some(format!(
            "a renamed import hides which layer `{owner}` is, and the nest would be built in the wrong order; import it under its own name, or write `#[resilience::{}]`",
            owner.trim_matches(['#', '[', ']'])
        ));
    }
    // What stands above works on the body, so within all layers.
    let (span, runtime) = match owner {
        "#[boundary]" => (
            "makes a span inside of it, which its record has no part in",
            "start a runtime inside of it",
        ),
        _ => ("makes a span per attempt", "start a runtime per attempt"),
    };
    if contains_ident(body, &|name| {
        name.starts_with("__tracing_attr_") || name.starts_with("__tracing_instrument_")
    }) {
        return Some(format!(
            "`#[instrument]` above `{owner}` {span}; write `#[instrument]` below `{owner}`, and it makes one span around the whole nest"
        ));
    }
    if is_runtime(body) {
        return Some(format!(
            "`#[tokio::test]` and `#[tokio::main]` above `{owner}` {runtime}; write them below `{owner}`"
        ));
    }
    None
}

/// Ours is looked for at the top level only: a function inside the body may be annotated too.
fn holds_marker(body: &TokenStream) -> bool {
    body.clone()
        .into_iter()
        .any(|token| matches!(token, TokenTree::Ident(ident) if ident == MARKER))
}

/// What `#[tokio::main]` leaves: a body that ends in a block which builds a runtime and blocks on
/// `body`.
fn is_runtime(body: &TokenStream) -> bool {
    let Some(TokenTree::Group(last)) = body.clone().into_iter().last() else { return false };
    let names: Vec<String> = last.stream().into_iter().map(|token| token.to_string()).collect();
    names.iter().any(|name| name == "block_on")
        && names.iter().any(|name| name == "Builder" || name == "LocalRuntime")
}

pub(crate) fn contains_ident(tokens: &TokenStream, wanted: &dyn Fn(&str) -> bool) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => wanted(&ident.to_string()),
        TokenTree::Group(group) => contains_ident(&group.stream(), wanted),
        _ => false,
    })
}
