//! Expressions that name a piece of state: a breaker, a budget.

use proc_macro2::Ident;
use syn::{Expr, ExprPath};

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

/// Whether an expression names a place and not a new value: `INVENTORY`, `self.breaker`, `*handle`,
/// and a reference to one of these.
pub(super) fn is_place(expr: &Expr) -> bool {
    match expr {
        Expr::Path(_) | Expr::Field(_) | Expr::Index(_) => true,
        Expr::Unary(unary) => matches!(unary.op, syn::UnOp::Deref(_)),
        Expr::Reference(reference) => is_place(&reference.expr),
        Expr::Paren(paren) => is_place(&paren.expr),
        Expr::Group(group) => is_place(&group.expr),
        _ => false,
    }
}

/// The expression without the references and parentheses around it.
pub(super) fn value_of(expr: &Expr) -> &Expr {
    match expr {
        Expr::Reference(reference) => value_of(&reference.expr),
        Expr::Paren(paren) => value_of(&paren.expr),
        Expr::Group(group) => value_of(&group.expr),
        other => other,
    }
}

/// The path of a static, which `INVENTORY`, `&breakers::INVENTORY` and `*INVENTORY` name.
pub(super) fn static_path(expr: &Expr) -> Option<&ExprPath> {
    match value_of(expr) {
        Expr::Path(path) => Some(path),
        Expr::Unary(unary) if matches!(unary.op, syn::UnOp::Deref(_)) => static_path(&unary.expr),
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
                // Whatever is put into it, the container is new.
                (Some(new), Some(of)) if new == "new" => {
                    ["Arc", "Rc", "Box", "LazyLock", "OnceLock", "Pin"].iter().any(|it| of == it)
                        || call.args.iter().any(|argument| makes_a_new(argument, ty))
                }
                _ => false,
            }
        }
        _ => false,
    }
}
