//! `#[degrade]`: what answers when a call fails.

mod causes;
mod fallback;
mod ok_type;
mod rate;
mod refresh;
mod stale;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Lifetime};

use causes::Causes;
use fallback::Fallback;
use rate::Rate;
use stale::Stale;

use super::handle::{static_path, value_of};
use super::{Around, Code, Fragment, Layer, Place, Properties, Scope};
use crate::diagnostics::Errors;
use crate::options::{Arguments, Grammar, foreign};
use crate::tokens::{is_screaming_snake, located};

pub(super) const GRAMMAR: Grammar = Grammar {
    attribute: "#[degrade]",
    keys: &["fallback", "on", "flag", "alert_above"],
    flags: &["non_critical"],
    lists: &["clone", "stale"],
    foreign: foreign::DEGRADE,
    foreign_by_words: &[],
};

pub(crate) struct Degrade {
    fallback: Option<Fallback>,
    stale: Option<Stale>,
    /// The kill switch.
    flag: Option<Expr>,
    causes: Causes,
    alert_above: Option<Rate>,
}

impl Layer for Degrade {
    fn parse(arguments: &mut Arguments, place: &Place<'_>, errors: &mut Errors) -> Option<Self> {
        let causes = Causes::parse(arguments, errors);
        let hint = |_: &Expr| "the fallback must be named: `fallback = …`".to_owned();
        if arguments.reject_positional(errors, hint) {
            return None;
        }
        let stale = arguments.take("stale").map(|option| Stale::parse(option, place, errors));
        let flag = arguments.expr("flag", errors);
        if let Some(flag) = &flag {
            check_flag(flag, errors);
        }
        let alert_above = Rate::parse(arguments, errors);
        let fallback = match arguments.take("fallback") {
            Some(option) => Some(Fallback::parse(option, place, errors)?),
            None => None,
        };
        if fallback.is_none() && stale.is_none() && flag.is_none() {
            if errors.is_empty() {
                errors.at(
                    place.span,
                    "`#[degrade]` needs a fallback; write `#[degrade(fallback = …)]` with an \
                     expression of the `Ok` type",
                );
            }
            return None;
        }
        if fallback.is_none() && stale.is_none() && (!causes.is_default() || alert_above.is_some())
        {
            errors.at(
                place.span,
                "there is nothing that could replace an error; add `fallback = …` or `stale(…)`",
            );
        }
        Some(Self { fallback, stale: stale.flatten(), flag, causes, alert_above })
    }

    fn needs_async(_: &Ident) -> Option<String> {
        None
    }

    fn not_on_impl() -> Option<&'static str> {
        Some(
            "one fallback can't be right for all methods of an `impl`; write `#[degrade]` on each \
             method that has one",
        )
    }

    fn properties(&self) -> Properties {
        Properties {
            reuses_arguments: self.fallback.is_some(),
            rejects: self.flag.is_some(),
            classifies: self.replaces(),
        }
    }

    fn setup(&self, scope: &Scope<'_>) -> TokenStream {
        self.stale.as_ref().map(|stale| stale.setup(scope)).unwrap_or_default()
    }

    fn wrap(&self, around: &Around<'_>, mut inner: Fragment, scope: &Scope<'_>) -> Fragment {
        let refresh = self.stale.as_ref().and_then(|stale| Some((stale, stale.refresh.as_ref()?)));
        if let Some((stale, refresh)) = refresh {
            let (failed, leave) = (self.refresh_failed(scope), |value: &Ident| {
                let (runtime, degraded) = (scope.runtime, Self::label());
                quote!(break #degraded #runtime::Ok(#value))
            });
            let (serves, call) = refresh.around(stale, inner, around, &failed, &leave, scope);
            let code = self.around_all(&serves, Code::Value(call), scope);
            return Fragment { before: TokenStream::new(), code: Code::Value(code) };
        }
        let before = std::mem::take(&mut inner.before);
        let code = match &self.fallback {
            Some(fallback) if self.is_plain() => self.around_fallback(fallback, inner.code, scope),
            _ if self.replaces() => self.around_all(&TokenStream::new(), inner.code, scope),
            _ => self.around_switch(&inner.code.into_value(scope), scope),
        };
        Fragment { before, code: Code::Value(code) }
    }
}

impl Degrade {
    /// The label of the block that a layer directly below may break out of with a success.
    pub(super) fn left_by_successes(&self) -> Option<Lifetime> {
        (self.replaces() && self.stale.is_none()).then(Self::label)
    }

    fn label() -> Lifetime {
        Scope::block_label("'degraded")
    }

    /// What the key of the stale values may lack, with what to write.
    pub(crate) fn finding(&self) -> Option<(Span, String)> {
        self.stale.as_ref()?.finding()
    }

    /// Whether the layers below and the body may run in a task.
    pub(crate) fn runs_in_task(&self) -> bool {
        self.stale.as_ref().is_some_and(|stale| stale.refresh.is_some())
    }

    fn coalesces(&self) -> bool {
        self.stale.as_ref().is_some_and(|stale| stale.coalesces)
    }

    /// Whether there is anything that can replace an error.
    fn replaces(&self) -> bool {
        self.fallback.is_some() || self.stale.is_some()
    }

    /// Whether there is a fallback and nothing else.
    fn is_plain(&self) -> bool {
        self.stale.is_none() && self.flag.is_none() && self.alert_above.is_none()
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
    //
    // If a `Sourced` may have to know why: `if let Some(code) = activated::<E>(mode, &error, …)`
    //
    // The fallback isn't inside the match, where the future would have to store the whole outcome
    // while the fallback runs.
    fn around_fallback(&self, fallback: &Fallback, call: Code, scope: &Scope<'_>) -> TokenStream {
        let (runtime, site) = (scope.runtime, &scope.site);
        let error = Scope::local("error");
        let (policy, text) = (self.causes.policy(runtime), fallback.text());
        let arguments = quote!(#policy, &#error, #text, &#site);
        let code = Scope::local("code");
        let activate = if fallback.needs_code(scope) {
            let activated = scope.classifying("activated", &arguments);
            quote!(let #runtime::Some(#code) = #activated)
        } else {
            scope.classifying("activate", &arguments)
        };
        let answer = fallback.answer(&code, scope);
        let (degraded, failure) = (Self::label(), self.failure(call, scope));
        quote! {
            #degraded: {
                let #error = #failure;
                if #activate {
                    #answer
                } else {
                    #runtime::Err(#error)
                }
            }
        }
    }

    // Input:  what may be served before the call, and the call
    // Output: 'degraded: {
    //             let flag = flag(of_static(&FLAG));
    //             let off = !is_on(flag);
    //             let error = 'called: {
    //                 if off {
    //                     break 'called reject::<E>(switched_off(flag));
    //                 }
    //                 match call {
    //                     Err(error) => error,
    //                     Ok(value) => { stale.keep(&value, …); break 'degraded Ok(value) }
    //                 }
    //             };
    //             let cause = match cause::<E>(off, mode, &error, &SITE) {
    //                 Some(cause) => cause,
    //                 None => break 'degraded Err(error),
    //             };
    //             if let Some(value) = stale.recall(&cause, &error, &SITE) {
    //                 break 'degraded Ok(value);
    //             }
    //             let code = falls_back(cause, &error, …);
    //             Ok(fallback)
    //         }
    //
    // With `coalesce`, before the call:
    // Output: if let Some(value) = stale.share(&mut shared, &SITE).await {
    //             break 'degraded Ok(value);
    //         }
    // and after it, `shared.succeeded(&value)` or `shared.failed(cause)`.
    fn around_all(&self, serves: &TokenStream, call: Code, scope: &Scope<'_>) -> TokenStream {
        let (runtime, site) = (scope.runtime, &scope.site);
        let [error, succeeded, off, cause, code] =
            ["error", "value", "off", "cause", "code"].map(Scope::local);
        let degraded = Self::label();
        let (begins, joins) = self.shares(scope);
        let outcome = self.failure(call, scope);
        let outcome = if serves.is_empty() && joins.is_empty() {
            outcome
        } else {
            quote!({ #serves #joins #outcome })
        };
        let named = Scope::local("flag");
        let (asks, outcome) = match &self.flag {
            None => (quote!(let #off = false;), outcome),
            Some(flag) => {
                let called = Scope::block_label("'called");
                let (finds, rejection) = asks(flag, scope);
                let outcome = quote! {
                    #called: {
                        if #off {
                            break #called #rejection;
                        }
                        #outcome
                    }
                };
                (quote!(#finds let #off = !#runtime::is_on(#named);), outcome)
            }
        };
        let policy = self.causes.policy(runtime);
        let finds = scope.classifying("cause", &quote!(#off, #policy, &#error, &#site));
        let finds = if self.coalesces() {
            let shared = Self::shared();
            quote!({ let #cause = #finds; #runtime::SharedCall::failed(&mut #shared, ::core::option::Option::as_ref(&#cause)); #cause })
        } else {
            finds
        };
        let rate = self.alert_above.as_ref().map(|rate| rate.set(&cause, scope));
        let recall = self.stale.as_ref().map(|_| {
            let recall = Stale::recall(&quote!(&#cause, &#error, &#site), runtime);
            quote! {
                if let #runtime::Some(#succeeded) = #recall {
                    break #degraded #runtime::Ok(#succeeded);
                }
            }
        });
        let answer = match &self.fallback {
            Some(fallback) => {
                let text = fallback.text();
                let answer = fallback.answer(&code, scope);
                let named = fallback.needs_code(scope).then(|| quote!(let #code =));
                quote! {
                    #named #runtime::falls_back(#cause, &#error, #text, &#site);
                    #answer
                }
            }
            None => quote!(#runtime::Err(#error)),
        };
        quote! {
            #degraded: {
                #asks
                #begins
                let #error = #outcome;
                let #cause = match #finds {
                    #runtime::Some(#cause) => #cause,
                    #runtime::None => break #degraded #runtime::Err(#error),
                };
                #rate
                #recall
                #answer
            }
        }
    }

    /// For `coalesce`: the statement that begins it, and the one that waits while another caller
    /// makes the call.
    fn shares(&self, scope: &Scope<'_>) -> (TokenStream, TokenStream) {
        if !self.coalesces() {
            return (TokenStream::new(), TokenStream::new());
        }
        let (runtime, site, degraded) = (scope.runtime, &scope.site, Self::label());
        let (stale, shared, value) = (Stale::local(), Self::shared(), Scope::local("value"));
        (
            quote!(let mut #shared = #runtime::Stale::not_shared(&#stale);),
            quote! {
                if let #runtime::Some(#value) = #runtime::Stale::share(&#stale, &mut #shared, &#site).await {
                    break #degraded #runtime::Ok(#value);
                }
            },
        )
    }

    fn shared() -> Ident {
        Scope::local("shared")
    }

    /// What is done with the error of a refresh.
    fn refresh_failed(&self, scope: &Scope<'_>) -> TokenStream {
        let (runtime, site, error) = (scope.runtime, &scope.site, Scope::local("error"));
        let policy = self.causes.policy(runtime);
        let rate = scope.option(self.alert_above.as_ref().map(Rate::value));
        scope.classifying("refresh_failed", &quote!(#error, #policy, #rate, &#site))
    }

    /// The error of the call. A success is kept, and leaves the block of the layer.
    fn failure(&self, call: Code, scope: &Scope<'_>) -> TokenStream {
        let call = match call {
            Code::Failure(error) => return error,
            call => call.into_value(scope),
        };
        let (runtime, degraded) = (scope.runtime, Self::label());
        let [error, succeeded] = ["error", "value"].map(Scope::local);
        let leave = quote!(break #degraded #runtime::Ok(#succeeded));
        let leave = match &self.stale {
            None => leave,
            Some(stale) => {
                // A task has kept it already.
                let keep = stale.refresh.is_none().then(|| stale.keep(&succeeded, scope));
                let shared = Self::shared();
                let gives = stale
                    .coalesces
                    .then(|| quote!(#runtime::SharedCall::succeeded(&mut #shared, &#succeeded);));
                quote!({ #keep #gives #leave; })
            }
        };
        quote! {
            match #call {
                #runtime::Err(#error) => #error,
                #runtime::Ok(#succeeded) => #leave,
            }
        }
    }

    // Input:  the call
    // Output: {
    //             let flag = flag(of_static(&FLAG));
    //             if is_on(flag) { call } else { Err(reject::<E>(switched_off(flag))) }
    //         }
    fn around_switch(&self, call: &TokenStream, scope: &Scope<'_>) -> TokenStream {
        let runtime = scope.runtime;
        let Some(flag) = &self.flag else { return call.clone() };
        let (finds, rejection) = asks(flag, scope);
        let named = Scope::local("flag");
        quote!({
            #finds
            if #runtime::is_on(#named) {
                #call
            } else {
                #runtime::Err(#rejection)
            }
        })
    }
}

/// The statement that names the flag, and the error that is returned where it is off.
fn asks(flag: &Expr, scope: &Scope<'_>) -> (TokenStream, TokenStream) {
    let (runtime, rejected, named) =
        (scope.runtime, Scope::local("rejected"), Scope::local("flag"));
    let value = value_of(flag);
    // A wrong type is reported where the flag is named.
    let found = quote_spanned!(flag.span()=> &#value);
    let found = located(quote!(#runtime::flag(#runtime::of_static(#found))), flag.span());
    let rejection = scope.rejection(&rejected);
    (
        quote!(let #named = #found;),
        quote!({ let #rejected = #runtime::switched_off(#named); #rejection }),
    )
}

/// Only a static can be listed.
fn check_flag(flag: &Expr, errors: &mut Errors) {
    let named = static_path(flag)
        .and_then(|path| path.path.segments.last())
        .is_some_and(|last| is_screaming_snake(&last.ident));
    if !named {
        errors.on(
            flag,
            "`flag` takes a static; write `flag = RECOMMENDATIONS` with `static RECOMMENDATIONS: \
             Flag = Flag::new(\"recommendations\");`",
        );
    }
}
