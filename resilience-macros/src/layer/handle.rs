//! Expressions that name a piece of state: a breaker, a budget.

use proc_macro2::Ident;
use syn::Expr;

/// How the expansion holds such a piece of state.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Holding {
    Static,
    Borrowed,
    /// A clone of the handle, where the body takes away what the expression names.
    Cloned,
}

/// The name at the root of `self.field`, `argument.field()[0]`, `*argument`.
pub(super) fn root(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Path(path) => path.path.segments.first().map(|segment| &segment.ident),
        Expr::Field(field) => root(&field.base),
        Expr::MethodCall(call) => root(&call.receiver),
        Expr::Index(index) => root(&index.expr),
        Expr::Reference(reference) => root(&reference.expr),
        Expr::Unary(unary) => root(&unary.expr),
        Expr::Paren(paren) => root(&paren.expr),
        Expr::Group(group) => root(&group.expr),
        _ => None,
    }
}

/// Whether an expression makes a value of this type: a new one with every call, which remembers
/// nothing of the last.
pub(super) fn makes_a_new(expr: &Expr, ty: &str) -> bool {
    match expr {
        Expr::MethodCall(call) => makes_a_new(&call.receiver, ty),
        Expr::Reference(reference) => makes_a_new(&reference.expr, ty),
        Expr::Paren(paren) => makes_a_new(&paren.expr, ty),
        Expr::Group(group) => makes_a_new(&group.expr, ty),
        Expr::Call(call) => {
            let Expr::Path(function) = &*call.func else { return false };
            let mut names = function.path.segments.iter().rev().map(|segment| &segment.ident);
            match (names.next(), names.next()) {
                (Some(_), Some(of)) if of == ty => true,
                (Some(new), Some(_)) if new == "new" => {
                    call.args.iter().any(|argument| makes_a_new(argument, ty))
                }
                _ => false,
            }
        }
        _ => false,
    }
}
