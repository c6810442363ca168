//! The options that every layer takes.

use proc_macro2::Ident;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Expr, LitStr, Path, Token};

use crate::diagnostics::Errors;
use crate::function::Function;
use crate::krate;
use crate::options::{Arguments, Value};

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
