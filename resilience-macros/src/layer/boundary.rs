use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, LitStr};

use super::{Code, Fragment, Scope};
use crate::diagnostics::Errors;
use crate::options::{Arguments, Grammar};

pub(super) const GRAMMAR: Grammar = Grammar {
    owner: "#[boundary]",
    keys: &["operation", "request_id", "user", "tenant"],
    flags: &[],
    lists: &[],
    foreign: &[
        ("name", "write `operation = \"…\"`"),
        ("op", "write `operation = \"…\"`"),
        ("span", "write `operation = \"…\"`"),
        ("id", "write `request_id = …`"),
        ("user_id", "write `user = …`"),
        ("tenant_id", "write `tenant = …`"),
        ("trace_id", "write `request_id = …`"),
        ("correlation_id", "write `request_id = …`"),
        ("level", "the error's severity decides; write `#[service(severity = …)]` on its variant"),
        ("severity", "write `#[service(severity = …)]` on the error's variant"),
        ("err", "it always reports the error"),
        ("ret", "it reports errors only"),
        ("skip", "it records no arguments"),
        ("fields", "it records no arguments; `#[instrument(fields(…))]` below it does"),
        ("map", "the error is passed on as it is; write `.map_err(…)` where it is called"),
        ("map_err", "the error is passed on as it is; write `.map_err(…)` where it is called"),
        ("clone", "it evaluates its options before the body; nothing needs a clone"),
    ],
};

pub(crate) struct Boundary {
    operation: Option<LitStr>,
    request_id: Option<Expr>,
    user: Option<Expr>,
    tenant: Option<Expr>,
}

impl Boundary {
    pub(super) fn parse(arguments: &mut Arguments, errors: &mut Errors) -> Self {
        for positional in std::mem::take(&mut arguments.positional) {
            let message = match &positional {
                Expr::Lit(_) => "the operation has a name; write `operation = \"…\"`",
                _ => {
                    "`#[boundary]` takes `operation`, `request_id`, `user` and `tenant`, each with its value; take this off"
                }
            };
            errors.on(&positional, message);
        }
        Self {
            operation: arguments.text("operation", errors),
            request_id: arguments.expr("request_id", errors),
            user: arguments.expr("user", errors),
            tenant: arguments.expr("tenant", errors),
        }
    }

    // Input:  operation = "get_user", user = claims.sub
    // Output: let boundary = Boundary::new("get_user").user(&(claims.sub));
    pub(crate) fn setup(&self, scope: &Scope<'_>) -> TokenStream {
        let krate = scope.krate;
        let boundary = Scope::local("boundary");
        let name = scope.function.sig.ident.to_string();
        let name = name.trim_start_matches("r#");
        let operation =
            self.operation.as_ref().map_or_else(|| quote!(#name), |operation| quote!(#operation));
        let told =
            [("request_id", &self.request_id), ("user", &self.user), ("tenant", &self.tenant)];
        let told = told.into_iter().filter_map(|(method, expr)| {
            let (method, expr) = (Scope::local(method), expr.as_ref()?);
            let span = Span::mixed_site().located_at(expr.span());
            let expr = scope.user(expr);
            // Borrowed where it stands: a field isn't moved out of what the body still needs.
            let borrowed = quote_spanned!(span=> &(#expr));
            Some(quote!(.#method(#borrowed)))
        });
        quote!(let #boundary = #krate::Boundary::new(#operation) #(#told)*;)
    }

    // Input:  the call
    // Output: run(boundary, report, call).await
    pub(crate) fn wrap(inner: Fragment, scope: &Scope<'_>) -> Fragment {
        let krate = scope.krate;
        let [boundary, report] = ["boundary", "report"].map(Scope::local);
        let Fragment { before, code } = inner;
        let code = match code {
            Code::Future(future) => {
                return Fragment {
                    before,
                    code: Code::Future(
                        quote!(#krate::__private::boundary::run(#boundary, #report, #future)),
                    ),
                };
            }
            Code::Value(value) if scope.is_async => Code::Future(
                quote!(#krate::__private::boundary::run(#boundary, #report, async { #before #value })),
            ),
            Code::Value(value) => Code::Value(
                quote!(#krate::__private::boundary::call(#boundary, #report, || { #before #value })),
            ),
        };
        Fragment { before: TokenStream::new(), code }
    }
}

// Output: let report = |argument: &E, at| report::<E>(argument, at);
//
// With `classify = path`, which `classify` is by now:
// Output: let report = |argument: &_, at| report_by::<E>(argument, classify, at);
pub(crate) fn report(error: &TokenStream, is_foreign: bool, scope: &Scope<'_>) -> TokenStream {
    let krate = scope.krate;
    let [report, argument, at, classify] =
        ["report", "argument", "at", "classify"].map(Scope::local);
    if is_foreign {
        // No type at the argument: a lifetime in it would be any, and `classify` takes only one.
        return quote! {
            let #report = |#argument: &_, #at| #krate::__private::boundary::report_by::<#error>(#argument, #classify, #at);
        };
    }
    quote!(let #report = |#argument: &#error, #at| #krate::__private::boundary::report::<#error>(#argument, #at);)
}

/// Why it isn't for `main`.
pub(crate) fn objection_to_main(name: &Ident) -> Option<&'static str> {
    (name == "main").then_some(
        "`#[boundary]` on `main` leaves it to std to print the error once more, with `{:?}`; write `fn main() -> std::process::ExitCode { resilience::exit_code(run()) }`, and the rest in `run`",
    )
}
