//! The layers: one file each, with its grammar, its checks and its code.

mod boundary;
mod circuit_breaker;
mod degrade;
mod retry;
mod timeout;
mod transaction;

use proc_macro2::{Ident, Span, TokenStream};
use syn::{Expr, Lifetime, LitStr, Path};

use crate::diagnostics::Errors;
use crate::function::Function;
use crate::options::{Arguments, Grammar};
use crate::{async_trait, krate};

pub(crate) use boundary::{Boundary, objection_to_main, report};
pub(crate) use circuit_breaker::CircuitBreaker;
pub(crate) use degrade::{Degrade, value};
pub(crate) use retry::{Around, Retry, is_constant, named};
pub(crate) use timeout::{Timeout, deadline_name};
pub(crate) use transaction::Transaction;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Boundary,
    Degrade,
    Retry,
    CircuitBreaker,
    Timeout,
    Transaction,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Boundary,
        Self::Degrade,
        Self::Retry,
        Self::CircuitBreaker,
        Self::Timeout,
        Self::Transaction,
    ];

    /// The attribute's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Boundary => "boundary",
            Self::Degrade => "degrade",
            Self::Retry => "retry",
            Self::CircuitBreaker => "circuit_breaker",
            Self::Timeout => "timeout",
            Self::Transaction => "transaction",
        }
    }

    pub(crate) const fn grammar(self) -> &'static Grammar {
        match self {
            Self::Boundary => &boundary::GRAMMAR,
            Self::Degrade => &degrade::GRAMMAR,
            Self::Retry => &retry::GRAMMAR,
            Self::CircuitBreaker => &circuit_breaker::GRAMMAR,
            Self::Timeout => &timeout::GRAMMAR,
            Self::Transaction => &transaction::GRAMMAR,
        }
    }
}

/// What one attribute says, after its own options have been checked.
pub(crate) enum Layer {
    Boundary(Box<Boundary>),
    Degrade(Degrade),
    Retry(Box<Retry>),
    CircuitBreaker(Box<CircuitBreaker>),
    Timeout(Timeout),
    Transaction(Box<Transaction>),
}

impl Layer {
    pub(crate) fn parse(
        kind: Kind,
        at: Span,
        arguments: &mut Arguments,
        function: &Function,
        errors: &mut Errors,
    ) -> Option<Self> {
        match kind {
            Kind::Boundary => Some(Self::Boundary(Box::new(Boundary::parse(arguments, errors)))),
            Kind::Degrade => Degrade::parse(at, arguments, errors).map(Self::Degrade),
            Kind::Retry => Some(Self::Retry(Box::new(Retry::parse(arguments, errors)))),
            Kind::CircuitBreaker => Some(Self::CircuitBreaker(Box::new(CircuitBreaker::parse(
                at, arguments, function, errors,
            )))),
            Kind::Timeout => Timeout::parse(at, arguments, errors).map(Self::Timeout),
            Kind::Transaction => Transaction::parse(at, arguments, function, errors)
                .map(|layer| Self::Transaction(Box::new(layer))),
        }
    }
}

/// The options that every layer takes.
#[derive(Default)]
pub(crate) struct Common {
    pub(crate) service: Option<LitStr>,
    pub(crate) classify: Option<Expr>,
    pub(crate) rejected: Option<Expr>,
    pub(crate) krate: Option<Path>,
    pub(crate) clones: Vec<Ident>,
}

impl Common {
    pub(crate) fn parse(
        arguments: &mut Arguments,
        function: &Function,
        errors: &mut Errors,
    ) -> Self {
        Self {
            service: arguments.text("service", errors),
            classify: arguments.expr("classify", errors),
            rejected: arguments.expr("rejected", errors),
            krate: arguments.expr("crate", errors).and_then(|expr| match expr {
                Expr::Path(path) => errors.take(krate::check(&path.path)),
                other => {
                    errors.on(other, "`crate` takes a path, such as `crate = ::resilience`");
                    None
                }
            }),
            clones: clones(arguments, function, errors),
        }
    }
}

/// `clone(order, customer)`: arguments that each attempt gets a copy of.
fn clones(arguments: &mut Arguments, function: &Function, errors: &mut Errors) -> Vec<Ident> {
    use syn::parse::Parser;
    let Some(option) = arguments.take("clone") else { return Vec::new() };
    let crate::options::Value::List(list) = option.value else { return Vec::new() };
    let parser = syn::punctuated::Punctuated::<Ident, syn::Token![,]>::parse_terminated;
    let Ok(names) = parser.parse2(list) else {
        errors.at(
            option.key.span(),
            "`clone` takes names of arguments; write for example `clone(order, customer)`",
        );
        return Vec::new();
    };
    let known = function.argument_names();
    for name in &names {
        if !known.contains(name) {
            errors.on(
                name,
                format!(
                    "`clone` takes names of arguments, and `{name}` is none of this function's"
                ),
            );
        }
    }
    names.into_iter().collect()
}

/// The code of a layer and all below it.
pub(crate) struct Fragment {
    /// Statements that must stand before it, in the scope that it is evaluated in.
    pub(crate) before: TokenStream,
    pub(crate) code: Code,
}

pub(crate) enum Code {
    /// An expression of a future's type.
    Future(TokenStream),
    /// An expression of the function's return type.
    Value(TokenStream),
}

/// What the layers know of the nest that they are expanded in.
pub(crate) struct Scope<'a> {
    pub(crate) krate: &'a Path,
    pub(crate) function: &'a Function,
    pub(crate) is_async: bool,
    pub(crate) is_async_trait: bool,
    pub(crate) arguments: Vec<Ident>,
    pub(crate) label: TokenStream,
    pub(crate) site: Ident,
}

impl Scope<'_> {
    /// A name that nothing of the user's can clash with.
    pub(crate) fn local(name: &str) -> Ident {
        Ident::new(name, Span::mixed_site())
    }

    /// The same for a block's label, which is written with its apostrophe.
    pub(crate) fn label(name: &str) -> Lifetime {
        Lifetime::new(name, Span::mixed_site())
    }

    /// An expression of an attribute, as it must be written where it stands.
    pub(crate) fn user(&self, tokens: impl quote::ToTokens) -> TokenStream {
        if self.is_async_trait {
            async_trait::rename_self(tokens)
        } else {
            tokens.to_token_stream()
        }
    }

    /// How an expression that names a piece of state is held: a static, a borrow, or a clone of a
    /// handle.
    pub(crate) fn holding(&self, expr: &Expr) -> Holding {
        let first = match expr {
            Expr::Path(path) if path.qself.is_none() => {
                let first = &path.path.segments[0].ident;
                if path.path.segments.len() > 1
                    || !(self.arguments.contains(first) || first == "self")
                {
                    return Holding::Static;
                }
                first.clone()
            }
            other => match first_ident(other) {
                Some(ident) => ident,
                None => return Holding::Borrowed,
            },
        };
        let shared = if first == "self" {
            self.function.self_is_shared()
        } else {
            !self.arguments.contains(&first)
        };
        if shared { Holding::Borrowed } else { Holding::Cloned }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holding {
    Static,
    Borrowed,
    Cloned,
}

/// The name at the root of `self.field`, `argument.field()[0]`, `*argument`.
fn first_ident(expr: &Expr) -> Option<Ident> {
    match expr {
        Expr::Path(path) => path.path.segments.first().map(|segment| segment.ident.clone()),
        Expr::Field(field) => first_ident(&field.base),
        Expr::MethodCall(call) => first_ident(&call.receiver),
        Expr::Index(index) => first_ident(&index.expr),
        Expr::Reference(reference) => first_ident(&reference.expr),
        Expr::Unary(unary) => first_ident(&unary.expr),
        Expr::Paren(paren) => first_ident(&paren.expr),
        Expr::Group(group) => first_ident(&group.expr),
        _ => None,
    }
}

/// Whether an expression makes a value of this type: with every call a new one, which remembers
/// nothing of the last.
pub(crate) fn makes_a_new(expr: &Expr, ty: &str) -> bool {
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

/// Whether an expression names any of these, at any depth.
pub(crate) fn mentions(expr: &Expr, names: &[Ident]) -> Option<Ident> {
    fn inside(tokens: TokenStream, names: &[Ident]) -> Option<Ident> {
        tokens.into_iter().find_map(|token| match token {
            proc_macro2::TokenTree::Ident(ident) if ident == "self" || names.contains(&ident) => {
                Some(ident)
            }
            proc_macro2::TokenTree::Group(group) => inside(group.stream(), names),
            _ => None,
        })
    }
    inside(quote::ToTokens::to_token_stream(expr), names)
}
