//! Parts of a mock. mockall's `#[automock]` copies the attributes of a method to everything that it
//! generates for the method: a module, a struct's field, statements.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use quote::ToTokens;

use crate::diagnostics::Errors;
use crate::layer::Kind;
use crate::tokens::{contains_ident, is_ident, is_punct};

/// What a part of a mock becomes, if the item is one: itself, beside one error for all parts.
///
/// The compiler has errors of its own, about the parts that can't have a macro's attribute.
pub(crate) fn part_of_mock(
    kind: Kind,
    arguments: &TokenStream,
    item: &TokenStream,
) -> Option<TokenStream> {
    let tokens: Vec<TokenTree> = item.clone().into_iter().collect();
    let (attributes, rest) = split_attributes(&tokens);
    let is_reported = match rest {
        [TokenTree::Group(block)] if block.delimiter() == Delimiter::Brace => {
            contains_ident(block.stream(), |name| name == "checkpoint").then_some(false)
        }
        _ if has_keyword(rest, "fn") => has_generated_name(without_body(rest)).then_some(false),
        _ if has_keyword(rest, "mod") => {
            contains_ident(stream(rest), |name| name == "mockall").then_some(true)
        }
        _ if has_keyword(rest, "struct") => has_generated_name(stream(rest)).then_some(true),
        _ => None,
    }?;
    let mut part: TokenStream = attributes.flatten().cloned().collect();
    part.extend(stream(rest));
    if is_reported {
        let mut errors = Errors::default();
        // As if the user had written it, who did write the arguments.
        let written = arguments.clone().into_iter().next();
        let written = written.map_or_else(Span::mixed_site, |token| token.span());
        errors.at(
            Span::call_site().resolved_at(written),
            format!(
                "`#[automock]` copies `{kind}` to every part of the mock; put the layers on an \
                 `impl` of a trait, or write the mock with `mock!`"
            ),
        );
        part.extend(errors.into_compile_errors());
    }
    Some(part)
}

/// Whether it is `#[automock]`.
pub(crate) fn is_automock(attribute: &syn::Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == "automock")
}

/// The attributes that aren't ours, and the item.
fn split_attributes(tokens: &[TokenTree]) -> (impl Iterator<Item = &[TokenTree]>, &[TokenTree]) {
    let count = tokens
        .chunks(2)
        .take_while(|pair| matches!(pair, [hash, TokenTree::Group(_)] if is_punct(Some(hash), '#')))
        .count();
    let (attributes, rest) = tokens.split_at(2 * count);
    (attributes.chunks(2).filter(|pair| !is_ours(&pair[1])), rest)
}

/// Whether the path of an attribute ends with the name of a layer.
fn is_ours(brackets: &TokenTree) -> bool {
    let TokenTree::Group(brackets) = brackets else { return false };
    let path = brackets
        .stream()
        .into_iter()
        .take_while(|token| matches!(token, TokenTree::Ident(_)) || is_punct(Some(token), ':'));
    let last = path.last();
    Kind::ALL.iter().any(|kind| is_ident(last.as_ref(), kind.name()))
}

fn has_keyword(item: &[TokenTree], keyword: &str) -> bool {
    item.iter().any(|token| is_ident(Some(token), keyword))
}

/// Whether it mentions the module of a mock.
fn has_generated_name(tokens: impl ToTokens) -> bool {
    contains_ident(tokens, |name| name.to_string().starts_with("__mock_"))
}

fn without_body(function: &[TokenTree]) -> TokenStream {
    let signature = match function.split_last() {
        Some((TokenTree::Group(_), signature)) => signature,
        _ => function,
    };
    stream(signature)
}

fn stream(tokens: &[TokenTree]) -> TokenStream {
    tokens.iter().cloned().collect()
}
