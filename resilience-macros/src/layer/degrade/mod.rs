use proc_macro2::{Delimiter, Group, Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Lifetime, Pat};

use super::{Around, Code, Fragment, Layer, Place, Properties, Scope};
use crate::diagnostics::Errors;
use crate::function::Function;
use crate::options::{Arguments, Grammar, Value, foreign};
use crate::tokens::{may_await, may_leave, source_text};

pub(super) const GRAMMAR: Grammar = Grammar {
    attribute: "#[degrade]",
    keys: &["fallback"],
    flags: &["non_critical"],
    lists: &["clone"],
    foreign: foreign::DEGRADE,
    foreign_by_words: &[],
};

pub(crate) struct Degrade {
    /// `|error|`, if the fallback uses the error.
    error: Option<Pat>,
    fallback: Expr,
    non_critical: bool,
}

impl Layer for Degrade {
    fn parse(arguments: &mut Arguments, place: &Place<'_>, errors: &mut Errors) -> Option<Self> {
        let non_critical = arguments.flag("non_critical").is_some();
        let hint = |_: &Expr| "the fallback must be named: `fallback = …`".to_owned();
        if arguments.reject_positional(errors, hint) {
            return None;
        }
        let Some(option) = arguments.take("fallback") else {
            if errors.is_empty() {
                errors.at(
                    place.span,
                    "`#[degrade]` needs a fallback; write `#[degrade(fallback = …)]` with an \
                     expression of the `Ok` type",
                );
            }
            return None;
        };
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
                Some(Self {
                    error: closure.inputs.first().cloned(),
                    fallback: *closure.body,
                    non_critical,
                })
            }
            fallback => Some(Self { error: None, fallback, non_critical }),
        }
    }

    fn needs_async(_: &Ident) -> Option<String> {
        None
    }

    fn properties(&self) -> Properties {
        Properties { reuses_arguments: true, rejects: false, classifies: true }
    }

    fn setup(&self, _: &Scope<'_>) -> TokenStream {
        TokenStream::new()
    }

    // Input:  the call
    // Output: 'degraded: {
    //             let error = match call {
    //                 Err(error) => error,
    //                 Ok(value) => break 'degraded Ok(value),
    //             };
    //             if activate::<E>(mode, &error, …) {
    //                 Ok(fallback)
    //             } else {
    //                 Err(error)
    //             }
    //         }
    // A fallback that can leave, by `?` for example:
    //                 match async { Ok(fallback) }.await {
    //                     Ok(value) => Ok(value),
    //                     Err(failed) => { fallback_failed::<E>(&failed, …); Err(error) }
    //                 }
    //
    // The fallback isn't inside the match, where the future would have to store the whole outcome
    // while the fallback runs.
    fn wrap(&self, _: &Around<'_>, inner: Fragment, scope: &Scope<'_>) -> Fragment {
        let (runtime, site, hint) = (scope.runtime, &scope.site, &scope.hint);
        let [error, failed, succeeded] = ["error", "failed", "value"].map(Scope::local);
        let mode = if self.non_critical { quote!(NonCritical) } else { quote!(Critical) };
        let text = source_text(self.fallback.to_token_stream());
        let fallback = scope.user(&self.fallback);
        let visible = self.error.as_ref().map(|pattern| quote!(let #pattern = &#error;));
        // As if the user had written it, so that rustc reports a wrong expression at the
        // expression.
        let span = self.fallback.span();
        let ok = match &self.fallback {
            // `return` gives the whole outcome.
            Expr::Return(left) => {
                left.expr.as_ref().map_or_else(|| quote!(()), |outcome| scope.user(outcome))
            }
            // Around these, rustc would report the `Ok` as unreachable.
            diverging if never_yields(diverging) => fallback,
            _ => match &scope.output {
                // With the type given, rustc explains a mismatch by the return type and not by an
                // `Ok`.
                Some(output) => {
                    let ty = quote_spanned!(output.span()=> <#output as #runtime::Outcome>::Value);
                    quote!(let #succeeded: #ty = #fallback; #runtime::Ok(#succeeded))
                }
                // In braces, so that clippy doesn't attribute `Ok(…?)` to the user.
                None => quote!(#runtime::Ok({ #fallback })),
            },
        };
        let mut block = Group::new(Delimiter::Brace, quote!(#hint #ok));
        block.set_span(span);
        let fallback = if scope.is_async() && may_await(self.fallback.to_token_stream()) {
            quote_spanned!(span=> async #block.await)
        } else {
            quote_spanned!(span=> #runtime::run(|| #block))
        };
        let mode = quote!(#runtime::Degrade::#mode);
        let activate = scope.classifying("activate", &quote!(#mode, &#error, #text, &#site));
        let degraded = Self::label();
        let answer = if may_leave(self.fallback.to_token_stream()) {
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
        } else {
            // Needs no function of its own, and no check whether it failed.
            let block = quote_spanned!(span=> { #ok });
            quote!({ #visible #block })
        };
        let Fragment { before, code } = inner;
        let call = code.into_value();
        Fragment {
            before,
            code: Code::Value(quote! {
                #degraded: {
                    let #error = match #call {
                        #runtime::Err(#error) => #error,
                        #runtime::Ok(#succeeded) => break #degraded #runtime::Ok(#succeeded),
                    };
                    if #activate {
                        #answer
                    } else {
                        #runtime::Err(#error)
                    }
                }
            }),
        }
    }
}

impl Degrade {
    /// The label of the block that a success breaks out of.
    pub(super) fn label() -> Lifetime {
        Scope::block_label("'degraded")
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
