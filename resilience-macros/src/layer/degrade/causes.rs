//! Which errors are replaced: `non_critical`, `on = [transient, rejected]`.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::Expr;

use super::super::Scope;
use crate::diagnostics::Errors;
use crate::options::Arguments;

/// The kinds that `on` takes, under the names of the runtime's builder.
const KINDS: &[&str] = &["transient", "permanent", "partial", "unclassified", "rejected"];

pub(super) enum Causes {
    Critical,
    NonCritical,
    /// Some of [`KINDS`].
    On(Vec<String>),
}

impl Causes {
    pub(super) fn parse(arguments: &mut Arguments, errors: &mut Errors) -> Self {
        let non_critical = arguments.flag("non_critical");
        let on = arguments.expr("on", errors);
        match (non_critical, on) {
            (None, None) => Self::Critical,
            (Some(_), None) => Self::NonCritical,
            (None, Some(on)) => Self::On(kinds(&on, errors)),
            (Some(non_critical), Some(_)) => {
                errors.on(
                    non_critical,
                    "`non_critical` conflicts with `on`, which names the errors itself; keep one",
                );
                Self::NonCritical
            }
        }
    }

    pub(super) fn is_default(&self) -> bool {
        matches!(self, Self::Critical)
    }

    /// The runtime's value for it.
    pub(super) fn policy(&self, runtime: &Ident) -> TokenStream {
        match self {
            Self::Critical => quote!(#runtime::Degrade::Critical),
            Self::NonCritical => quote!(#runtime::Degrade::NonCritical),
            Self::On(kinds) => {
                let kinds = kinds.iter().map(|kind| Scope::name(kind));
                quote!(#runtime::Degrade::On(#runtime::Causes::NONE #(.#kinds())*))
            }
        }
    }
}

/// `transient`, or `[transient, rejected]`.
fn kinds(on: &Expr, errors: &mut Errors) -> Vec<String> {
    let named: Vec<&Expr> = match on {
        Expr::Array(array) => array.elems.iter().collect(),
        Expr::Tuple(tuple) => tuple.elems.iter().collect(),
        one => vec![one],
    };
    if named.is_empty() {
        errors.on(
            on,
            "`on` names no errors, so the fallback would never be used; write `on = [transient, \
             rejected]`",
        );
    }
    let mut kinds: Vec<String> = Vec::new();
    for expr in named {
        let Some(kind) = kind(expr, errors) else { continue };
        if kinds.contains(&kind) {
            errors.on(expr, format!("`{kind}` is there twice; keep one"));
        } else {
            kinds.push(kind);
        }
    }
    kinds
}

fn kind(expr: &Expr, errors: &mut Errors) -> Option<String> {
    let name = match expr {
        Expr::Path(path) => path.path.get_ident().map(Ident::to_string),
        _ => None,
    };
    match name {
        Some(name) if KINDS.contains(&&*name) => Some(name),
        Some(name) if name == "fatal" => {
            errors.on(expr, "a fatal error always reaches the caller; remove `fatal`");
            None
        }
        _ => {
            errors.on(
                expr,
                format!(
                    "`{}` is not a kind of error; expected one of: `{}`",
                    expr.to_token_stream().to_string().replace(' ', ""),
                    KINDS.join("`, `")
                ),
            );
            None
        }
    }
}
