//! `fallback = …`: an expression of the `Ok` type.

use proc_macro2::{Delimiter, Group, Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Pat};

use super::super::{Place, Scope};
use super::ok_type;
use crate::diagnostics::Errors;
use crate::function::Function;
use crate::options::{Opt, Value};
use crate::tokens::{may_await, may_leave, source_text};

pub(super) struct Fallback {
    /// `|error|`, if it uses the error.
    error: Option<Pat>,
    value: Expr,
}

impl Fallback {
    pub(super) fn parse(option: Opt, place: &Place<'_>, errors: &mut Errors) -> Option<Self> {
        let Value::Expr(fallback) = option.value else { return None };
        if let Some(name) = function_name(&fallback, place.function) {
            errors.on(
                &fallback,
                format!(
                    "`{name}` is no argument of this function; to call it, write `fallback = \
                     {name}()` or `fallback = |error| {name}(error)`"
                ),
            );
        }
        match *fallback {
            Expr::Closure(closure) => {
                if closure.inputs.len() != 1 || closure.asyncness.is_some() {
                    errors.on(
                        &closure,
                        "a fallback closure takes only the error; write `|error| \
                         …` (which may use `.await`)",
                    );
                    return None;
                }
                Some(Self { error: closure.inputs.first().cloned(), value: *closure.body })
            }
            value => Some(Self { error: None, value }),
        }
    }

    /// The source text, for events.
    pub(super) fn text(&self) -> String {
        source_text(self.value.to_token_stream())
    }

    /// Whether the answer tells the code of the error.
    pub(super) fn needs_code(&self, scope: &Scope<'_>) -> bool {
        !matches!(self.value, Expr::Return(_))
            && !never_yields(&self.value)
            && scope.output.as_ref().is_some_and(ok_type::may_be_sourced)
    }

    // Input:  the name of the error's code
    // Output: { let value: T = fallback; Ok(value) }
    // A fallback that can leave, by `?` for example:
    //         match async { let value: T = fallback; Ok(value) }.await {
    //             Ok(value) => Ok(value),
    //             Err(failed) => { fallback_failed::<E>(&failed, …); Err(error) }
    //         }
    pub(super) fn answer(&self, code: &Ident, scope: &Scope<'_>) -> TokenStream {
        let (runtime, site, hint) = (scope.runtime, &scope.site, &scope.hint);
        let [error, failed, succeeded] = ["error", "failed", "value"].map(Scope::local);
        let visible = self.error.as_ref().map(|pattern| quote!(let #pattern = &#error;));
        let ok = self.ok(code, scope);
        // As if the user had written it, so that rustc reports a wrong expression at the
        // expression.
        let span = self.value.span();
        if !may_leave(self.value.to_token_stream()) {
            // Needs no function of its own, and no check whether it failed.
            let block = quote_spanned!(span=> { #ok });
            return quote!({ #visible #block });
        }
        let mut block = Group::new(Delimiter::Brace, quote!(#hint #ok));
        block.set_span(span);
        let fallback = if scope.is_async() && may_await(self.value.to_token_stream()) {
            quote_spanned!(span=> async #block.await)
        } else {
            quote_spanned!(span=> #runtime::run(|| #block))
        };
        let text = self.text();
        let report = scope.classifying("fallback_failed", &quote!(&#failed, #text, &#site));
        quote! {
            match { #visible #fallback } {
                #runtime::Ok(#succeeded) => #runtime::Ok(#succeeded),
                #runtime::Err(#failed) => {
                    #report;
                    #runtime::Err(#error)
                }
            }
        }
    }

    /// The statements that yield the value as a `Result`.
    fn ok(&self, code: &Ident, scope: &Scope<'_>) -> TokenStream {
        let (runtime, succeeded) = (scope.runtime, Scope::local("value"));
        let value = scope.user(&self.value);
        match &self.value {
            // `return` gives the whole outcome.
            Expr::Return(left) => {
                left.expr.as_ref().map_or_else(|| quote!(()), |outcome| scope.user(outcome))
            }
            // Around these, rustc would report the `Ok` as unreachable.
            diverging if never_yields(diverging) => value,
            _ => match &scope.output {
                Some(output) if self.needs_code(scope) => {
                    // A mismatch is explained by the return type. By a function pointer, because
                    // rustc has more to say about a method.
                    let answer = Scope::local("answer");
                    let found = quote_spanned! {output.span()=>
                        #runtime::Answers::<#output>::NEW.make_of_fallback()
                    };
                    let called =
                        Ident::new(&answer.to_string(), answer.span().located_at(output.span()));
                    quote! {
                        let #answer = #found;
                        let #succeeded = #called(#value, #code);
                        #runtime::Ok(#succeeded)
                    }
                }
                // With the type given, rustc explains a mismatch by the return type and not by an
                // `Ok`.
                Some(output) => {
                    let ty = quote_spanned!(output.span()=> <#output as #runtime::Outcome>::Value);
                    quote!(let #succeeded: #ty = #value; #runtime::Ok(#succeeded))
                }
                // In braces, so that clippy doesn't attribute `Ok(…?)` to the user.
                None => quote!(#runtime::Ok({ #value })),
            },
        }
    }
}

/// The path, if it is one of a function by its style of writing, as in `fallback = empty`.
fn function_name(fallback: &Expr, function: &Function) -> Option<String> {
    let Expr::Path(path) = fallback else { return None };
    let last = &path.path.segments.last()?.ident;
    let is_local = path.path.get_ident().is_some_and(|name| {
        name == "self" || function.argument_names().contains(name) || function.declares(name)
    });
    let is_lower = last.to_string().trim_start_matches("r#").starts_with(char::is_lowercase);
    (is_lower && !is_local).then(|| source_text(path.to_token_stream()))
}

fn never_yields(expr: &Expr) -> bool {
    let Expr::Macro(call) = expr else { return false };
    ["panic", "todo", "unimplemented", "unreachable"]
        .iter()
        .any(|name| call.mac.path.is_ident(name))
}
