//! Parses the format string and the arguments of thiserror's `#[error(…)]` and of what other crates
//! have in its place, to learn what an error's `Display` writes.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{LitStr, Meta, Token};

use crate::tokens::is_punct;

/// An attribute that defines what `Display` writes.
pub(crate) enum Text {
    /// `#[error("…", arguments)]`
    Format(LitStr, TokenStream),
    /// `#[error(fmt = function)]`
    Function(Ident),
    /// `#[error(transparent)]`
    Transparent,
    /// An attribute that may contain a text: `#[snafu(display("…", arguments))]`
    Other(TokenStream),
}

impl Text {
    /// `None` if it can't be parsed. The macro that it belongs to reports that.
    pub(crate) fn of(meta: &Meta) -> Option<Self> {
        let Meta::List(list) = meta else { return None };
        if !["error", "display"].iter().any(|name| list.path.is_ident(name)) {
            return Some(Self::Other(list.tokens.clone()));
        }
        let parser = |input: ParseStream<'_>| {
            let text = if input.peek(LitStr) {
                Self::Format(input.parse()?, input.parse()?)
            } else {
                let word: Ident = input.call(Ident::parse_any)?;
                let is_literal = input.peek(Token![=]) && input.peek2(LitStr);
                if is_literal {
                    // `#[display(fmt = "…", arguments)]`
                    input.parse::<Token![=]>()?;
                    Self::Format(input.parse()?, input.parse()?)
                } else if word == "transparent" {
                    Self::Transparent
                } else {
                    Self::Function(word)
                }
            };
            let _rest: TokenStream = input.parse()?;
            Ok(text)
        };
        parser.parse2(list.tokens.clone()).ok()
    }
}

/// The arguments after the format string, and the names of the named ones.
pub(crate) struct Arguments {
    pub(crate) names: Vec<String>,
    pub(crate) values: Vec<TokenStream>,
}

impl Arguments {
    // Input:  , .sku.len(), name = .other
    // Output: names `name`, values `.sku.len()` and `.other`
    pub(crate) fn split(tokens: TokenStream) -> Self {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut arguments = Self { names: Vec::new(), values: Vec::new() };
        for argument in tokens.split(|token| is_punct(Some(token), ',')) {
            let value = match argument {
                [TokenTree::Ident(name), equals, value @ ..]
                    if is_punct(Some(equals), '=') && !is_punct(value.first(), '=') =>
                {
                    arguments.names.push(name.unraw().to_string());
                    value
                }
                value => value,
            };
            arguments.values.push(value.iter().cloned().collect());
        }
        arguments
    }
}

/// The names and positions that a format string uses: `{name}`, `{name:?}`, `{0}`, and the widths
/// in `{:1$}` and `{:.name$}`.
pub(crate) fn shown(text: &str) -> Vec<String> {
    let mut shown = Vec::new();
    let text = text.replace("{{", "");
    for hole in text.split('{').skip(1) {
        let inside = hole.split('}').next().unwrap_or_default();
        let (name, spec) = inside.split_once(':').unwrap_or((inside, ""));
        let of_a_name = |c: char| c.is_alphanumeric() || c == '_';
        let name = name.trim().trim_start_matches("r#");
        shown.push(position(name.split(|c| !of_a_name(c)).next().unwrap_or_default()).to_owned());
        let mut widths = spec.split('$');
        // What follows the last `$` isn't a width.
        widths.next_back();
        let name_of = |width: &str| {
            position(width.rsplit(|c| !of_a_name(c)).next().unwrap_or_default()).to_owned()
        };
        shown.extend(widths.map(name_of));
    }
    shown
}

/// `_0` becomes `0`: macros bind the fields of a tuple as `_0`, `_1`, …
fn position(name: &str) -> &str {
    let digits = name
        .strip_prefix('_')
        .filter(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
    digits.unwrap_or(name)
}

/// The token that names the field in an argument: `.name`, `name`, `self.name`, `.0`, `_0`, at any
/// depth. Or `self` as a whole, since its methods can read every field.
pub(crate) fn names_field(tokens: TokenStream, name: &str) -> Option<TokenTree> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    tokens.iter().enumerate().find_map(|(at, token)| {
        let before = |steps: usize| at.checked_sub(steps).map(|at| &tokens[at]);
        let is_member = is_punct(before(1), '.');
        // Only `.name` of the error itself, not of another expression before the dot.
        let of_another = is_member
            && match before(2) {
                Some(TokenTree::Ident(ident)) => ident != "self",
                Some(TokenTree::Punct(punct)) => punct.as_char() == '?',
                Some(TokenTree::Group(_) | TokenTree::Literal(_)) => true,
                None => false,
            };
        let named = match token {
            TokenTree::Group(group) => return names_field(group.stream(), name),
            _ if of_another => false,
            TokenTree::Ident(ident) if ident == "self" => {
                !is_punct(tokens.get(at + 1), '.') || is_method(&tokens[at + 2..])
            }
            TokenTree::Ident(ident) => {
                let ident = ident.unraw().to_string();
                let is_position = !is_member && ident != name && position(&ident) == name;
                let is_path = is_punct(before(1), ':') || is_punct(tokens.get(at + 1), ':');
                let is_called = matches!(tokens.get(at + 1), Some(TokenTree::Group(_)));
                is_position || ident == name && !is_path && !is_called
            }
            // `.0.1` is a single token.
            TokenTree::Literal(literal) if is_member => {
                literal.to_string().split('.').next() == Some(name)
            }
            // `format!("{name}")` uses a binding of the macro.
            TokenTree::Literal(literal) => {
                let text = syn::parse2::<LitStr>(literal.to_token_stream());
                text.is_ok_and(|text| shown(&text.value()).iter().any(|shown| shown == name))
            }
            TokenTree::Punct(_) => false,
        };
        named.then(|| token.clone())
    })
}

/// Whether this is a method call, and not a field.
fn is_method(after_the_dot: &[TokenTree]) -> bool {
    let is_name = matches!(after_the_dot.first(), Some(TokenTree::Ident(_)));
    // `self.name(…)`, `self.name::<T>(…)`
    let next = after_the_dot.get(1);
    is_name
        && (matches!(next, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis)
            || is_punct(next, ':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_format_strings_are_found() {
        let table: [(&str, &[&str]); 7] = [
            ("plain {{not}} 100 %", &[]),
            ("{a} and {b:?}", &["a", "b"]),
            ("{{{a}}}", &["a"]),
            ("{0} {1:>3}", &["0", "1"]),
            ("{:w$} {:.p$} {x:>w$.p$}", &["", "w", "", "p", "x", "w", "p"]),
            ("{a.b} {r#type} {_1} {_x}", &["a", "type", "1", "_x"]),
            ("{", &[""]),
        ];
        for (text, expected) in table {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn fields_named_by_arguments_are_found() {
        let names =
            |argument: &str, field: &str| names_field(argument.parse().unwrap(), field).is_some();
        for argument in [
            ".pin",
            "pin",
            "self.pin",
            "hide(.pin)",
            ".pin.len()",
            "&[.pin]",
            "1 + .pin",
            "r#pin",
            "{ .pin }",
        ] {
            assert!(names(argument, "pin"), "{argument}");
        }
        assert!(names("format!(\"{pin:?}\")", "pin") && !names("\"pin\"", "pin"));
        for argument in
            [".card.pin", "hide(.card).pin", "pin()", "Self::pin", ".pins", "self.card", "x?.pin"]
        {
            assert!(!names(argument, "pin"), "{argument}");
        }
        for argument in [".0", ".0.len()", ".0.1", "_0", "self.0", "format!(\"{_0}\")"] {
            assert!(names(argument, "0"), "{argument}");
        }
        for argument in [".1.0", ".10", "0", "_01", ".x.0"] {
            assert!(!names(argument, "0"), "{argument}");
        }
        for argument in ["self.shown()", "self.shown::<u8>()", "hide(self.shown())"] {
            assert!(names(argument, "pin"), "{argument}");
        }
        assert!(!names("self.card[1]", "pin") && !names("self.card.shown()", "pin"));
        assert!(names("self", "pin") && names("format!(\"{:?}\", self)", "pin"));
    }
}
