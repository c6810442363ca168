use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Expr;
use syn::spanned::Spanned;

use super::{Code, Fragment, Holding, Scope, makes_a_new, mentions};
use crate::diagnostics::Errors;
use crate::function::Function;
use crate::options::{self, Arguments, Grammar, Setting};
use crate::units;

pub(super) const GRAMMAR: Grammar = Grammar {
    owner: "#[circuit_breaker]",
    keys: &[
        "failure_threshold",
        "recovery_timeout",
        "probes",
        "recovery_growth",
        "max_recovery_timeout",
        "recovery_jitter",
        "ignore",
    ],
    flags: &["shared"],
    lists: &["clone"],
    foreign: &[
        (
            "name",
            "a breaker is shared by its handle, as in `#[circuit_breaker(INVENTORY)]`; write `service = \"…\"` for the label",
        ),
        ("breaker", "write the breaker alone: `#[circuit_breaker(INVENTORY)]`"),
        ("fail_max", "it is `failure_threshold`"),
        ("failures", "it is `failure_threshold`"),
        ("threshold", "it is `failure_threshold`"),
        ("consecutive_failures", "it is `failure_threshold`"),
        ("max_failures", "it is `failure_threshold`"),
        (
            "failure_rate_threshold",
            "failures in a row are counted, not a rate; write `failure_threshold`",
        ),
        (
            "sliding_window_size",
            "failures in a row are counted, without a window; write `failure_threshold`",
        ),
        (
            "minimum_number_of_calls",
            "failures in a row are counted, without a window; write `failure_threshold`",
        ),
        ("reset_timeout", "it is `recovery_timeout`"),
        ("wait_duration", "it is `recovery_timeout`"),
        ("wait_duration_in_open_state", "it is `recovery_timeout`"),
        ("open_duration", "it is `recovery_timeout`"),
        ("break_duration", "it is `recovery_timeout`"),
        ("cooldown", "it is `recovery_timeout`"),
        ("sleep_window", "it is `recovery_timeout`"),
        ("half_open_requests", "it is `probes`"),
        ("permitted_calls_in_half_open", "it is `probes`"),
        ("permitted_number_of_calls_in_half_open_state", "it is `probes`"),
        ("half_open_max_calls", "it is `probes`"),
        ("success_threshold", "it is `probes`"),
        ("exclude", "it is `ignore`; permanent errors don't count anyway"),
        ("ignore_errors", "it is `ignore`; permanent errors don't count anyway"),
        ("ignore_exceptions", "it is `ignore`; permanent errors don't count anyway"),
        ("backoff", "write `recovery_growth` and `max_recovery_timeout`"),
        ("timeout", "it is a layer of its own: write `#[timeout(\"5s\")]`"),
        ("fallback", "it is a layer of its own: write `#[degrade(fallback = …)]` at the top"),
    ],
};

/// What a breaker's `recovery_timeout` can be.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) struct CircuitBreaker {
    handle: Option<Expr>,
    settings: Vec<(Ident, TokenStream)>,
    ignore: Option<Expr>,
}

impl CircuitBreaker {
    pub(super) fn parse(
        at: Span,
        arguments: &mut Arguments,
        function: &Function,
        errors: &mut Errors,
    ) -> Self {
        let ignore = arguments.expr("ignore", errors);
        let mut positional = std::mem::take(&mut arguments.positional).into_iter();
        let handle = positional.next();
        for second in positional {
            errors.on(second, "`#[circuit_breaker]` takes one breaker; take this one off");
        }
        if let Some(handle) = handle {
            if options::literal(&handle).is_some() {
                errors.on(
                    &handle,
                    "a breaker is shared by its handle, and not by a name; write `#[circuit_breaker(INVENTORY)]`, where `static INVENTORY: CircuitBreaker = CircuitBreaker::new(\"inventory\");`",
                );
            } else if makes_a_new(&handle, "CircuitBreaker") {
                errors.on(
                    &handle,
                    "this makes a new breaker for every call, which never opens; put it in a `static` and name that, as in `#[circuit_breaker(INVENTORY)]`",
                );
            }
            // All that is left belongs to the static that an unnamed breaker is built as.
            for option in
                GRAMMAR.keys.iter().chain(GRAMMAR.flags).filter_map(|option| arguments.take(option))
            {
                errors.on(
                    &option.key,
                    format!(
                        "`{}` belongs where the breaker `{}` is defined; move it there",
                        option.key,
                        handle.to_token_stream()
                    ),
                );
            }
            return Self { handle: Some(handle), settings: Vec::new(), ignore };
        }
        let shared = arguments.flag("shared").is_some();
        if function.is_generic() && !shared {
            errors.at(
                at,
                "one breaker would serve every type that this generic function is called with; name a breaker, such as `#[circuit_breaker(INVENTORY)]`, or write `shared`",
            );
        }
        let settings = own_settings(arguments, function, errors);
        Self { handle: None, settings, ignore }
    }

    pub(crate) fn setup(&self, scope: &Scope<'_>) -> TokenStream {
        let (krate, label, breaker) = (scope.krate, &scope.label, Scope::local("breaker"));
        let Some(handle) = &self.handle else {
            let settings = self.settings.iter().map(|(name, value)| quote!(.#name(#value)));
            return quote! {
                static __RESILIENCE_BREAKER: #krate::CircuitBreaker = #krate::CircuitBreaker::new(#label)#(#settings)*;
            };
        };
        if self.named_static().is_some() {
            return TokenStream::new();
        }
        let written = scope.user(handle);
        let holding = scope.holding(handle);
        // A handle that is none is reported where it is written.
        let reference = quote_spanned!(handle.span()=> &#written);
        let handle = Scope::local("breaker_handle");
        match holding {
            Holding::Static => quote!(let #breaker: &'static #krate::CircuitBreaker = #reference;),
            Holding::Borrowed => quote!(let #breaker: &#krate::CircuitBreaker = #reference;),
            Holding::Cloned => quote! {
                let #handle = #krate::__private::clone_handle(#reference);
                let #breaker: &#krate::CircuitBreaker = &#handle;
            },
        }
    }

    /// The breaker, where `setup` has run.
    pub(crate) fn in_use(&self) -> TokenStream {
        match &self.handle {
            None => quote!((&__RESILIENCE_BREAKER)),
            Some(_) if self.named_static().is_some() => quote!(__RESILIENCE_HANDLE),
            Some(_) => Scope::local("breaker").to_token_stream(),
        }
    }

    /// `INVENTORY`, `breakers::INVENTORY`: what another static can refer to.
    fn named_static(&self) -> Option<&Expr> {
        let handle = self.handle.as_ref()?;
        let Expr::Path(path) = handle else { return None };
        let screams = |name: &Ident| {
            let name = name.to_string();
            name.chars().any(char::is_uppercase) && !name.chars().any(char::is_lowercase)
        };
        let mut segments = path.path.segments.iter().map(|segment| &segment.ident);
        let last = segments.next_back()?;
        // An associated constant may depend on a type parameter.
        let in_a_type = segments.any(|module| module.to_string().starts_with(char::is_uppercase));
        (path.qself.is_none() && screams(last) && !in_a_type).then_some(handle)
    }

    /// The handle as a static, ahead of all others: named once, so that what is wrong with it is
    /// said once. And the name of the breaker, which labels what the other layers say of the
    /// dependency too.
    pub(crate) fn named(&self, krate: &syn::Path) -> Option<(TokenStream, TokenStream)> {
        let handle = self.named_static()?;
        let reference = quote_spanned!(handle.span()=> &#handle);
        let named = quote! {
            static __RESILIENCE_HANDLE: &#krate::CircuitBreaker = #krate::__private::named(#reference);
        };
        Some((named, quote!(__RESILIENCE_HANDLE.name())))
    }

    fn is_static(&self, scope: &Scope<'_>) -> bool {
        self.handle.as_ref().is_none_or(|handle| scope.holding(handle) == Holding::Static)
    }

    // Input:  the call
    // Output: 'guarded: {
    //             let permit = match breaker.acquire_static(None) {
    //                 Ok(permit) => permit,
    //                 Err(rejected) => break 'guarded Err(reject(rejected)),
    //             };
    //             match call {
    //                 Ok(value) if permit.is_current() => { permit.done(); Ok(value) }
    //                 outcome => {
    //                     permit.settle_at(&SITE, &outcome, classify);
    //                     outcome
    //                 }
    //             }
    //         }
    // The call isn't inside the match: what is matched on would be kept in the future for as long
    // as the call takes.
    pub(crate) fn wrap(
        &self,
        deadline_above: Option<&Ident>,
        longest: Option<&TokenStream>,
        classify: &Ident,
        reject: &Ident,
        inner: Fragment,
        scope: &Scope<'_>,
    ) -> Fragment {
        let (krate, site) = (scope.krate, &scope.site);
        let [permit, rejected] = ["permit", "rejected"].map(Scope::local);
        let breaker = self.in_use();
        let [value, outcome, error] = ["value", "outcome", "error"].map(Scope::local);
        let acquire =
            if self.is_static(scope) { quote!(acquire_static) } else { quote!(acquire_for) };
        let longest = if let Some(longest) = longest {
            quote!(::core::option::Option::Some(#longest))
        } else {
            quote!(::core::option::Option::None)
        };
        let under = deadline_above.map(|deadline| quote!(let #permit = #permit.under(&#deadline);));
        let settle = if let Some(ignore) = self.ignore.as_ref().map(|ignore| scope.user(ignore)) {
            quote! {
                match &#outcome {
                    ::core::result::Result::Err(#error) if #krate::__private::ignores(#error, #ignore) => #permit.ignore(),
                    _ => #permit.settle_at(&#site, &#outcome, #classify),
                }
            }
        } else {
            quote!(#permit.settle_at(&#site, &#outcome, #classify);)
        };
        let guarded = Scope::label("'guarded");
        let Fragment { before, code } = inner;
        let call = super::value(code);
        Fragment {
            before,
            code: Code::Value(quote! {
                #guarded: {
                    let #permit = match #breaker.#acquire(#longest) {
                        ::core::result::Result::Ok(#permit) => #permit,
                        ::core::result::Result::Err(#rejected) => {
                            break #guarded ::core::result::Result::Err(#reject(#rejected));
                        }
                    };
                    #under
                    match #call {
                        ::core::result::Result::Ok(#value) if #permit.is_current() => {
                            #permit.done();
                            ::core::result::Result::Ok(#value)
                        }
                        #outcome => {
                            #settle
                            #outcome
                        }
                    }
                }
            }),
        }
    }
}

fn own_settings(
    arguments: &mut Arguments,
    function: &Function,
    errors: &mut Errors,
) -> Vec<(Ident, TokenStream)> {
    let mut settings = Vec::new();
    let mut add = |name: &str, tokens: TokenStream| {
        settings.push((Ident::new(name, Span::mixed_site()), tokens))
    };
    let names = function.argument_names();
    let constant = |key: &str, expr: Option<&Expr>, errors: &mut Errors| {
        if let Some(name) = expr.and_then(|expr| mentions(expr, &names)) {
            errors.on(
                &name,
                format!("`{key}` builds a static, which can't name `{name}`; hold a breaker where `{name}` is and pass it: `#[circuit_breaker(self.breaker)]`"),
            );
        }
    };
    for (key, most, what) in [
        ("failure_threshold", u32::MAX, ", the number of failures in a row that opens the circuit"),
        ("probes", 65_535, ", the number of calls that test a half-open circuit"),
        ("recovery_growth", 10, ", the factor by which each re-opening lengthens the recovery"),
    ] {
        if let Some(number) = arguments.number(key, 1..=most, what, errors) {
            constant(key, later(&number), errors);
            add(key, number.to_token_stream());
        }
    }
    let mut known_durations = Vec::new();
    for key in ["recovery_timeout", "max_recovery_timeout"] {
        if let Some(duration) = arguments.duration(key, errors) {
            if let Setting::Known(known, span) = duration {
                if !(SHORTEST..=LONGEST).contains(&known) {
                    errors.at(
                        span,
                        format!("`{key}` is between 1 ms and 1 day, the time that the callee gets to recover; write for example `{key} = \"30s\"`"),
                    );
                }
                known_durations.push((known, span));
            }
            constant(key, later(&duration), errors);
            add(key, duration.to_token_stream());
        }
    }
    if let [(first, _), (longest, span)] = known_durations[..] {
        if longest < first {
            errors.at(
                    span,
                    format!(
                        "`recovery_timeout` is {} and `max_recovery_timeout` is {}; the first recovery must not be longer than the longest",
                        units::show(first),
                        units::show(longest)
                    ),
                );
        }
    }
    if let Some(percent) = arguments.percent("recovery_jitter", errors) {
        constant("recovery_jitter", later(&percent), errors);
        add("recovery_jitter", percent.to_token_stream());
    }
    settings
}

fn later<T>(setting: &Setting<T>) -> Option<&Expr> {
    match setting {
        Setting::Known(..) => None,
        Setting::Later(expr) => Some(expr),
    }
}
