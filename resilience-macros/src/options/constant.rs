//! Values that are the same for every call, where each call needs one of its own; and `{name}` in
//! texts that aren't formatted.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Expr, Lit, LitStr};

use super::value::literal;
use crate::diagnostics::Errors;
use crate::tokens::is_screaming_snake;

/// Rejects a value that is the same for every call. `otherwise` says what to write on a function
/// without arguments.
pub(crate) fn reject_constant(
    key: &str,
    expr: &Expr,
    arguments: &[Ident],
    otherwise: &str,
    errors: &mut Errors,
) {
    if !is_constant(expr) {
        return;
    }
    let text = match literal(expr) {
        Some(Lit::Str(text)) => text.value(),
        _ => "order".to_owned(),
    };
    let message = if let Some(formatted) = formatted(&text) {
        format!("{}; write `{key} = {formatted}`", not_replaced(&text))
    } else if let Some(argument) = arguments.first() {
        let start = text.trim_end_matches(['-', '_', ':', '/', ' ']).escape_debug().to_string();
        format!(
            "`{key}` is the same for every call; write one that names the work, such as `{key} = \
             format!(\"{start}-{{{argument}}}\")`"
        )
    } else {
        format!("`{key}` is the same for every call; {otherwise}")
    };
    errors.on(expr, message);
}

/// Rejects a text with a `{name}` that would be shown as it is.
pub(crate) fn reject_placeholder(key: &str, expr: &Expr, errors: &mut Errors) {
    let Some(Lit::Str(text)) = literal(expr) else { return };
    if let Some(formatted) = formatted(&text.value()) {
        let why = not_replaced(&text.value());
        errors.on(text, format!("{why}; write `{key} = {formatted}`"));
    }
}

/// Rejects a `{name}` in a label, which can't vary.
pub(super) fn reject_placeholder_in_label(key: &str, text: &LitStr, errors: &mut Errors) {
    if let Some((_, name)) = placeholders(&text.value()).into_iter().next() {
        errors.on(
            text,
            format!("`{key}` is the same for every call; remove `{{{name}}}` from the text"),
        );
    }
}

/// Whether the expression obviously has one value only: a literal, a constant, or a text made of
/// these.
fn is_constant(expr: &Expr) -> bool {
    const TEXTS: &[&str] =
        &["concat", "stringify", "env", "module_path", "file", "line", "column", "include_str"];
    const CONVERSIONS: &[&str] =
        &["to_string", "to_owned", "into", "clone", "as_str", "as_ref", "trim"];
    match expr {
        Expr::Lit(_) => true,
        Expr::Path(path) => {
            path.qself.is_none()
                && path.path.segments.last().is_some_and(|last| is_screaming_snake(&last.ident))
        }
        Expr::Reference(inner) => is_constant(&inner.expr),
        Expr::Paren(inner) => is_constant(&inner.expr),
        Expr::Group(inner) => is_constant(&inner.expr),
        Expr::MethodCall(call) => {
            CONVERSIONS.iter().any(|name| call.method == name) && is_constant(&call.receiver)
        }
        Expr::Call(call) => {
            let name = call.func.to_token_stream().to_string().replace(' ', "");
            let converts = ["Some", "String::from", "Cow::from", "Cow::Borrowed", "Box::from"];
            converts.contains(&&*name) && call.args.iter().all(is_constant)
        }
        Expr::Macro(call) => {
            let Some(name) = call.mac.path.segments.last() else { return false };
            TEXTS.iter().any(|text| name.ident == text)
                || name.ident == "format" && is_text_alone(&call.mac.tokens)
        }
        _ => false,
    }
}

/// Whether `format!` is given a text without placeholders.
fn is_text_alone(tokens: &TokenStream) -> bool {
    let mut tokens = tokens.clone().into_iter();
    let (Some(TokenTree::Literal(text)), None) = (tokens.next(), tokens.next()) else {
        return false;
    };
    !text.to_string().replace("{{", "").contains('{')
}

fn not_replaced(text: &str) -> String {
    let placeholders = placeholders(text);
    let name = placeholders.first().map_or("", |(_, name)| name);
    format!("`{{{name}}}` isn't replaced in a string, which is the same for every call")
}

/// The expression that a text with `{name}` was meant to be, or `None` if there is no `{name}`.
fn formatted(text: &str) -> Option<String> {
    let placeholders = placeholders(text);
    let (whole, name) = placeholders.first()?;
    if text == *whole && !name.contains(':') {
        return Some((*name).to_owned());
    }
    // `format!` takes names, but no fields.
    let mut format = text.escape_debug().to_string();
    let mut fields = String::new();
    for (whole, name) in &placeholders {
        if name.contains(['.', '(']) {
            format = format.replacen(whole, "{}", 1);
            fields.push_str(", ");
            fields.push_str(name);
        }
    }
    Some(format!("format!(\"{format}\"{fields})"))
}

/// Each `{name}` of a text, with and without its braces.
fn placeholders(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        rest = &rest[start..];
        let Some(end) = rest.find('}') else { break };
        let (whole, name) = (&rest[..=end], &rest[1..end]);
        let is_name = name.starts_with(|first: char| first.is_alphabetic() || first == '_')
            && name.chars().all(|c| c.is_alphanumeric() || "_.:()?#".contains(c));
        if is_name {
            found.push((whole, name));
        }
        rest = &rest[end + 1..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(key: &str, expr: &str, arguments: &[&str]) -> String {
        let expr = syn::parse_str(expr).expect("an expression");
        let arguments: Vec<Ident> =
            arguments.iter().map(|name| syn::parse_str(name).expect("a name")).collect();
        let mut errors = Errors::default();
        reject_constant(key, &expr, &arguments, "remove it", &mut errors);
        errors.into_compile_errors().to_string().replace('\\', "")
    }

    #[test]
    fn constants_are_recognised() {
        for expr in [
            "\"charge\"",
            "7",
            "&\"charge\"",
            "(\"charge\").to_owned()",
            "\"charge\".to_string()",
            "String::from(\"charge\")",
            "format!(\"charge\")",
            "concat!(\"a\", \"b\")",
            "KEY",
            "keys::CHARGE",
        ] {
            assert!(message("key", expr, &[]).contains("the same for every call"), "{expr}");
        }
        for expr in [
            "order_id",
            "order.id()",
            "format!(\"charge-{order_id}\")",
            "format!(\"{}\", id)",
            "NEXT.fetch_add(1)",
            "NEXT.next()",
            "next_id(\"charge\")",
            "Uuid::new_v4()",
            "\"charge-\".to_owned() + id",
        ] {
            assert_eq!(message("key", expr, &[]), "", "{expr}");
        }
    }

    #[test]
    fn the_expression_that_was_meant_is_proposed() {
        for (expr, meant) in [
            ("\"charge-{order_id}\"", "key = format!(\"charge-{order_id}\")"),
            ("\"{order_id}\"", "key = order_id`"),
            ("\"{a}-{b:?}\"", "key = format!(\"{a}-{b:?}\")"),
            ("\"charge-{order.id}\"", "key = format!(\"charge-{}\", order.id)"),
            ("\"charge\"", "key = format!(\"charge-{order}\")"),
            ("\"charge-\"", "key = format!(\"charge-{order}\")"),
            ("\"{{}}\"", "key = format!(\"{{}}-{order}\")"),
        ] {
            let message = message("key", expr, &["order"]);
            assert!(message.contains(meant), "{expr}: {message}");
        }
    }
}
