//! The options that every layer takes.

use proc_macro2::Ident;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Expr, LitStr, Path, Token};

use super::{Kind, Place};
use crate::diagnostics::Errors;
use crate::function::Function;
use crate::krate;
use crate::options::{Arguments, Opt, Value};

#[derive(Default, Clone)]
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
        place: &Place<'_>,
        kind: Kind,
        errors: &mut Errors,
    ) -> Self {
        if place.block.is_some() {
            reject_options_of_one_method(arguments, kind, errors);
        }
        if let Some(flag) = arguments.flag("pub_only").filter(|_| place.block.is_none()) {
            errors.on(flag, "`pub_only` chooses among the methods of an `impl` block; remove it");
        }
        let function = place.function;
        Self {
            service: arguments.text("service", errors),
            classify: arguments.expr("classify", errors),
            rejected: arguments.expr("rejected", errors),
            krate: arguments.expr("crate", errors).and_then(|expr| match expr {
                Expr::Path(path) => errors.take(krate::check(&path.path)),
                other => {
                    errors.on(other, "`crate` must be a path, such as `crate = ::resilience`");
                    None
                }
            }),
            clones: clones(arguments, function, errors),
        }
    }

    /// Adds the options of a layer further in. An option that is given already stays.
    pub(crate) fn or(mut self, inner: Self) -> Self {
        self.clones.extend(inner.clones);
        Self {
            service: self.service.or(inner.service),
            classify: self.classify.or(inner.classify),
            rejected: self.rejected.or(inner.rejected),
            krate: self.krate.or(inner.krate),
            clones: self.clones,
        }
    }
}

/// Rejects options on an `impl` block that can only be right for one of its methods.
fn reject_options_of_one_method(arguments: &mut Arguments, kind: Kind, errors: &mut Errors) {
    if let Some(option) = arguments.take("operation") {
        errors.on(
            option.key,
            "`operation` would give all methods of this `impl` the same name; remove it, since \
             each is reported under its own",
        );
    }
    if let Some(option) = arguments.take("clone") {
        errors.on(
            option.key,
            format!(
                "`clone` names arguments of one method; write it on that method: \
                 `#[{}(…, clone(…))]`",
                kind.name()
            ),
        );
    }
    match arguments.take("idempotency_key") {
        Some(Opt { value: Value::Expr(key), .. }) => errors.on(
            key,
            "calls of two methods with the same key look like one operation to the callee; write \
             `idempotency_key` alone, and `idempotency_key = …` on methods",
        ),
        Some(flag) => arguments.put_back(flag),
        None => {}
    }
}

/// `clone(order, customer)`: arguments that each attempt gets a copy of.
fn clones(arguments: &mut Arguments, function: &Function, errors: &mut Errors) -> Vec<Ident> {
    let Some(option) = arguments.take("clone") else { return Vec::new() };
    let Value::List(list) = option.value else { return Vec::new() };
    let Ok(names) = Punctuated::<Ident, Token![,]>::parse_terminated.parse2(list) else {
        errors.at(
            option.key.span(),
            "`clone` takes names of arguments, such as `clone(order, customer)`",
        );
        return Vec::new();
    };
    let known = function.argument_names();
    for name in &names {
        if !known.contains(name) {
            errors.on(
                name,
                format!(
                    "`{name}` is not an argument of this function; `clone` takes names of arguments"
                ),
            );
        }
    }
    names.into_iter().collect()
}
