//! Options that take a function or closure.

use quote::ToTokens;
use syn::{Expr, Ident};

use crate::diagnostics::Errors;
use crate::options;

/// Reports an expression that can't be a function or closure: a literal, or the name of a type or
/// variant. `argument` is what the closure is called with.
pub(super) fn check(key: &Ident, expr: &Expr, argument: &str, errors: &mut Errors) {
    let body = if options::literal(expr).is_some() {
        "…".to_owned()
    } else if let Some(pattern) = variant(expr) {
        format!("matches!({argument}, {pattern})")
    } else {
        return;
    };
    errors.on(
        expr,
        format!("`{key}` takes a function or closure; write `{key} = |{argument}| {body}`"),
    );
}

/// The path of a type or variant, which begins with a capital letter, such as `E::Busy`.
fn variant(expr: &Expr) -> Option<String> {
    let Expr::Path(path) = expr else { return None };
    let name = path.path.segments.last()?.ident.to_string();
    let is_camel_case = name.starts_with(char::is_uppercase) && name.contains(char::is_lowercase);
    is_camel_case.then(|| path.to_token_stream().to_string().replace(' ', ""))
}
