use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, LitStr};

use super::{Around, Attempt, Code, Fragment, Layer, Place, Properties, Scope};
use crate::diagnostics::Errors;
use crate::options::{Arguments, Grammar, foreign, reject_constant, reject_placeholder};
use crate::tokens::respanned;

pub(super) const GRAMMAR: Grammar = Grammar {
    attribute: "#[boundary]",
    keys: &["operation", "request_id", "user", "tenant", "trace_parent"],
    flags: &[],
    lists: &[],
    foreign: foreign::BOUNDARY,
    foreign_by_words: &[],
};

pub(crate) struct Boundary {
    operation: Option<LitStr>,
    request_id: Option<Expr>,
    user: Option<Expr>,
    tenant: Option<Expr>,
    trace_parent: Option<Expr>,
    is_of_block: bool,
}

impl Layer for Boundary {
    fn parse(arguments: &mut Arguments, place: &Place<'_>, errors: &mut Errors) -> Option<Self> {
        arguments.reject_positional(errors, |positional| match positional {
            Expr::Lit(_) => "the operation must be named: `operation = \"…\"`".to_owned(),
            _ => "`#[boundary]` only takes named options; write `operation = …`, `request_id = \
                  …`, `user = …` or `tenant = …`"
                .to_owned(),
        });
        let boundary = Self {
            operation: arguments.text("operation", errors),
            request_id: arguments.expr("request_id", errors),
            user: arguments.expr("user", errors),
            tenant: arguments.expr("tenant", errors),
            trace_parent: arguments.expr("trace_parent", errors),
            is_of_block: place.block.is_some(),
        };
        if let Some(id) = &boundary.request_id {
            let names = place.function.argument_names();
            let otherwise = "remove it, so that each call gets an id of its own";
            reject_constant("request_id", id, &names, otherwise, errors);
        }
        for (key, id) in [("user", &boundary.user), ("tenant", &boundary.tenant)] {
            if let Some(id) = id {
                reject_placeholder(key, id, errors);
            }
        }
        Some(boundary)
    }

    fn needs_async(_: &Ident) -> Option<String> {
        None
    }

    fn not_on_impl() -> Option<&'static str> {
        None
    }

    fn properties(&self) -> Properties {
        // The report classifies the error itself.
        Properties { reuses_arguments: false, rejects: false, classifies: false }
    }

    // Input:  operation = "get_user", user = claims.sub
    // Output: let boundary = Boundary::new("get_user").user(&(claims.sub));
    fn setup(&self, scope: &Scope<'_>) -> TokenStream {
        let runtime = scope.runtime;
        let boundary = Scope::local("boundary");
        let name = scope.function.name();
        let operation =
            self.operation.as_ref().map_or_else(|| quote!(#name), |operation| quote!(#operation));
        let ids = [
            ("request_id", &self.request_id),
            ("user", &self.user),
            ("tenant", &self.tenant),
            ("trace_parent", &self.trace_parent),
        ];
        let ids = ids.into_iter().filter_map(|(method, expr)| {
            let (method, expr) = (Scope::name(method), expr.as_ref()?);
            let span = Span::mixed_site().located_at(expr.span());
            let expr = scope.user(expr);
            // Borrowed, so that no field is moved out of a value that the body still needs.
            let borrowed = quote_spanned!(span=> &(#expr));
            Some(quote!(.#method(#borrowed)))
        });
        let mut new = quote!(#runtime::Boundary::new(#operation));
        if self.is_of_block {
            // The place in the record, which for the attribute would be the same for all methods.
            new = respanned(new, scope.function.sig.fn_token.span);
        }
        quote!(let #boundary = #new #(#ids)*;)
    }

    // Input:  the call
    // Output: run(boundary, || &SITE, report, call).await
    fn wrap(&self, _: &Around<'_>, inner: Fragment, scope: &Scope<'_>) -> Fragment {
        let (runtime, site) = (scope.runtime, &scope.site);
        let [boundary, report] = ["boundary", "report"].map(Scope::local);
        if scope.is_async() {
            let (before, call) = inner.into_future(scope);
            let run = quote!(#runtime::boundary::run(#boundary, || &#site, #report, #call));
            return Fragment { before, code: Code::Attempt(Attempt::new(run)) };
        }
        let (before, call) = (inner.before, inner.code.into_value(scope));
        Fragment {
            before: TokenStream::new(),
            code: Code::Value(
                quote!(#runtime::boundary::call(#boundary, || &#site, #report, || { #before #call })),
            ),
        }
    }
}

impl Boundary {
    /// Why it can't be used on `main`.
    pub(crate) const NOT_ON_MAIN: &str = "`main` would print the error again; move its body to `run`, and write `fn main() -> \
         std::process::ExitCode { resilience::exit_code(run()) }`";

    /// The function that reports an error.
    // Output: let report = |argument: &E, at| report::<E>(argument, at);
    //
    // With `classify = path`, which the local `classify` now holds:
    // Output: let report = |argument: &_, at| report_by::<E>(argument, classify, at);
    pub(crate) fn report(scope: &Scope<'_>) -> TokenStream {
        let (runtime, error, classify) = (scope.runtime, &scope.error, Scope::classify());
        let [report, argument, at] = ["report", "argument", "at"].map(Scope::local);
        if scope.classified_by {
            // The argument has no type, which would make the closure generic over its lifetimes,
            // while `classify` may accept only one.
            return quote! {
                let #report = |#argument: &_, #at| #runtime::boundary::report_by::<#error>(#argument, #classify, #at);
            };
        }
        quote!(let #report = |#argument: &#error, #at| #runtime::boundary::report::<#error>(#argument, #at);)
    }
}
