//! Methods that `#[async_trait]` has already rewritten. It always expands first, because it is on
//! the `impl`.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};

use crate::tokens::{is_ident, is_punct};

/// The parts of such a body.
///
/// ```text
/// Box::pin(async move {
///     <prologue>
///     let __ret: <output> = { <body> };
///     <epilogue>
/// })
/// ```
pub(crate) struct AsyncTraitBody {
    /// Up to the opening parenthesis: `Box::pin`.
    call: TokenStream,
    /// `async move`.
    keywords: TokenStream,
    /// `let __self = self;` and the arguments.
    pub(crate) prologue: TokenStream,
    /// `let __ret: <output> =`
    binding: TokenStream,
    pub(crate) output: TokenStream,
    /// The method's body as the user wrote it, in the user's braces.
    pub(crate) body: Group,
    epilogue: TokenStream,
}

impl AsyncTraitBody {
    /// Recognises the form, or leaves it alone.
    pub(crate) fn recognise(body: &TokenStream) -> Option<Self> {
        let tokens: Vec<TokenTree> = body.clone().into_iter().collect();
        let [call @ .., TokenTree::Group(argument)] = &tokens[..] else { return None };
        let named: Vec<String> = call.iter().map(ToString::to_string).collect();
        if argument.delimiter() != Delimiter::Parenthesis || named != ["Box", ":", ":", "pin"] {
            return None;
        }
        let inside: Vec<TokenTree> = argument.stream().into_iter().collect();
        let [keywords @ .., TokenTree::Group(block)] = &inside[..] else { return None };
        let words: Vec<String> = keywords.iter().map(ToString::to_string).collect();
        if block.delimiter() != Delimiter::Brace || words != ["async", "move"] {
            return None;
        }
        let statements: Vec<TokenTree> = block.stream().into_iter().collect();
        let start = (0..statements.len()).find(|&at| {
            is_ident(statements.get(at), "let")
                && is_ident(statements.get(at + 1), "__ret")
                && is_punct(statements.get(at + 2), ':')
        })?;
        let end = (start..statements.len()).find(|&at| is_punct(statements.get(at), ';'))?;
        let TokenTree::Group(user) = &statements[end - 1] else { return None };
        let equals = end - 2;
        if user.delimiter() != Delimiter::Brace || !is_punct(statements.get(equals), '=') {
            return None;
        }
        Some(Self {
            call: call.iter().cloned().collect(),
            keywords: keywords.iter().cloned().collect(),
            prologue: statements[..start].iter().cloned().collect(),
            binding: statements[start..=equals].iter().cloned().collect(),
            output: statements[start + 3..equals].iter().cloned().collect(),
            body: user.clone(),
            epilogue: statements[end..].iter().cloned().collect(),
        })
    }

    /// The same with another value for `__ret`.
    pub(crate) fn with_value(&self, setup: &TokenStream, value: &TokenStream) -> TokenStream {
        let Self { call, keywords, prologue, binding, epilogue, .. } = self;
        quote!(#call(#keywords { #prologue #setup #binding { #value } #epilogue }))
    }
}

/// Writes `__self` for `self`, as `#[async_trait]` does in the body.
pub(crate) fn rename_self(tokens: impl ToTokens) -> TokenStream {
    tokens
        .into_token_stream()
        .into_iter()
        .map(|token| match token {
            TokenTree::Ident(ident) if ident == "self" => {
                TokenTree::Ident(Ident::new("__self", Span::call_site().located_at(ident.span())))
            }
            TokenTree::Group(group) => {
                let mut renamed = Group::new(group.delimiter(), rename_self(group.stream()));
                renamed.set_span(group.span());
                TokenTree::Group(renamed)
            }
            other => other,
        })
        .collect()
}
