//! Searches in unparsed tokens.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;

/// The first identifier that `wanted` accepts, at any depth.
pub(crate) fn find_ident(
    tokens: impl ToTokens,
    wanted: &mut dyn FnMut(&Ident) -> bool,
) -> Option<Ident> {
    tokens.into_token_stream().into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) => wanted(&ident).then_some(ident),
        TokenTree::Group(group) => find_ident(group.stream(), wanted),
        _ => None,
    })
}

/// Whether `wanted` accepts an identifier, at any depth.
pub(crate) fn contains_ident(
    tokens: impl ToTokens,
    mut wanted: impl FnMut(&Ident) -> bool,
) -> bool {
    find_ident(tokens, &mut wanted).is_some()
}

/// Whether the tokens contain this word, at any depth.
pub(crate) fn mentions(tokens: impl ToTokens, word: &str) -> bool {
    contains_ident(tokens, |ident| ident == word)
}

/// Whether `impl Trait` is part of the type: then it can't be named in a body.
pub(crate) fn mentions_impl(ty: impl ToTokens) -> bool {
    mentions(ty, "impl")
}

/// The tokens with another location, so that errors about them are reported there.
pub(crate) fn located(tokens: TokenStream, at: Span) -> TokenStream {
    let located = |mut token: TokenTree| {
        if let TokenTree::Group(group) = &token {
            token = TokenTree::Group(Group::new(group.delimiter(), located(group.stream(), at)));
        }
        token.set_span(token.span().located_at(at));
        token
    };
    tokens.into_iter().map(located).collect()
}

/// The tokens as if they were written at `at`.
pub(crate) fn respanned(tokens: TokenStream, at: Span) -> TokenStream {
    let respanned = |mut token: TokenTree| {
        token.set_span(at);
        token
    };
    tokens.into_iter().map(respanned).collect()
}

/// Whether the name looks like that of a constant or static: `INVENTORY`.
pub(crate) fn is_screaming_snake(name: &Ident) -> bool {
    let name = name.to_string();
    let name = name.trim_start_matches("r#");
    name.chars().any(char::is_uppercase) && !name.chars().any(char::is_lowercase)
}

pub(crate) fn is_ident(token: Option<&TokenTree>, name: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if ident == name)
}

pub(crate) fn is_punct(token: Option<&TokenTree>, punct: char) -> bool {
    matches!(token, Some(TokenTree::Punct(found)) if found.as_char() == punct)
}

/// Whether the expression contains `.await`, or a macro that may hide one.
pub(crate) fn may_await(tokens: TokenStream) -> bool {
    may_contain(tokens, &["await"], None)
}

/// Whether evaluating the expression may leave what is around it, or a macro may hide that.
pub(crate) fn may_leave(tokens: TokenStream) -> bool {
    may_contain(tokens, &["return", "break", "continue"], Some('?'))
}

fn may_contain(tokens: TokenStream, words: &[&str], operator: Option<char>) -> bool {
    const PLAIN: [&str; 4] = ["format", "matches", "stringify", "vec"];
    let mut last = String::new();
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => may_contain(group.stream(), words, operator),
        TokenTree::Ident(ident) => {
            last = ident.to_string();
            words.contains(&last.as_str())
        }
        TokenTree::Punct(punct) => {
            let found = punct.as_char();
            let calls = found == '!' && !last.is_empty() && !PLAIN.contains(&last.as_str());
            last.clear();
            calls || Some(found) == operator
        }
        TokenTree::Literal(_) => false,
    })
}

/// The tokens about as their author wrote them: `Vec::new()`. Printed directly they are
/// `Vec :: new ()`.
pub(crate) fn source_text(tokens: TokenStream) -> String {
    const NO_SPACE_BEFORE: &str = ".,;:?)]([!";
    const NO_SPACE_AFTER: &str = ".:([!&?";
    let mut text = String::new();
    for token in tokens {
        let piece = match token {
            TokenTree::Group(group) => {
                let inside = source_text(group.stream());
                match group.delimiter() {
                    Delimiter::Parenthesis => format!("({inside})"),
                    Delimiter::Bracket => format!("[{inside}]"),
                    Delimiter::Brace => format!("{{ {inside} }}"),
                    Delimiter::None => inside,
                }
            }
            other => other.to_string(),
        };
        let joined = text.is_empty()
            || text.ends_with(|last| NO_SPACE_AFTER.contains(last))
            || piece.starts_with(|first| NO_SPACE_BEFORE.contains(first));
        if !joined {
            text.push(' ');
        }
        text.push_str(&piece);
    }
    text
}

/// A type as it was written: `Result<u32, E>`.
pub(crate) fn type_text(ty: &impl ToTokens) -> String {
    source_text(ty.to_token_stream()).replace(" < ", "<").replace(" >", ">").replace("> >", ">>")
}

/// The tokens of a type, with `'_` for each named lifetime but `'static`.
pub(crate) fn without_lifetimes(tokens: TokenStream) -> TokenStream {
    let mut is_lifetime = false;
    tokens
        .into_iter()
        .map(|token| {
            let was_lifetime = is_lifetime;
            is_lifetime = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '\'');
            match token {
                TokenTree::Ident(name) if was_lifetime && name != "static" => {
                    TokenTree::Ident(Ident::new("_", name.span()))
                }
                TokenTree::Group(group) => {
                    let mut inner =
                        Group::new(group.delimiter(), without_lifetimes(group.stream()));
                    inner.set_span(group.span());
                    TokenTree::Group(inner)
                }
                token => token,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_text_reads_as_it_was_written() {
        for text in ["R<u32>", "&[Option<u8>]", "Vec<Result<std::string::String, E>>", "(A, B)"] {
            let tokens: TokenStream = text.parse().expect("tokens");
            assert_eq!(type_text(&tokens), text);
        }
    }

    #[test]
    fn source_text_reads_as_it_was_written() {
        for text in [
            "Vec::new()",
            "Stock::assume_available(sku)",
            "cached(sku, error).await?.to_uppercase()",
            "vec![1, 2]",
            "\"a  b\"",
            "1 + x",
            "self.last.lock().clone()",
            "&self.empty",
        ] {
            let tokens: TokenStream = text.parse().expect("tokens");
            assert_eq!(source_text(tokens), text);
        }
    }

    #[test]
    fn constants_are_recognised_by_their_names() {
        let is_constant = |name: &str| is_screaming_snake(&syn::parse_str(name).expect("a name"));
        for name in ["INVENTORY", "A", "_B2", "r#TYPE"] {
            assert!(is_constant(name), "{name}");
        }
        for name in ["idempotent", "Inventory", "iNVENTORY", "_1"] {
            assert!(!is_constant(name), "{name}");
        }
    }
}
