use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::Expr;
use syn::spanned::Spanned;

use super::handle::{Holding, makes_a_new, static_path, value_of};
use super::{Around, Code, Fragment, Layer, Place, Properties, Retry, Scope, Timeout, defaults};
use crate::diagnostics::Errors;
use crate::function::Function;
use crate::options::{self, Arguments, Grammar, Setting, foreign};
use crate::tokens::{find_ident, is_screaming_snake, located};
use crate::units;

pub(super) const GRAMMAR: Grammar = Grammar {
    attribute: "#[circuit_breaker]",
    keys: &[
        "failure_threshold",
        "recovery_timeout",
        "probes",
        "recovery_growth",
        "max_recovery_timeout",
        "recovery_jitter",
        "abandoned_after",
        "ignore",
    ],
    flags: &["shared"],
    lists: &["clone"],
    foreign: foreign::CIRCUIT_BREAKER,
    foreign_by_words: foreign::CIRCUIT_BREAKER_BY_WORDS,
};

pub(crate) struct CircuitBreaker {
    handle: Option<Expr>,
    settings: Vec<(Ident, TokenStream)>,
    ignore: Option<Expr>,
    /// Whether the breaker is the one of the `impl` block, which declares it.
    is_of_block: bool,
}

impl Layer for CircuitBreaker {
    fn parse(arguments: &mut Arguments, place: &Place<'_>, errors: &mut Errors) -> Option<Self> {
        const SECOND: &str = "`#[circuit_breaker]` takes only one breaker; remove this one";
        let ignore = arguments.expr("ignore", errors);
        let handle = arguments.only_positional(SECOND, errors);
        if let Some(handle) = handle {
            if options::literal(&handle).is_some() {
                errors.on(
                    &handle,
                    "expected a breaker, not its name; write `#[circuit_breaker(INVENTORY)]` with \
                     `static INVENTORY: CircuitBreaker = CircuitBreaker::new(\"inventory\");`",
                );
            } else if makes_a_new(&handle, "CircuitBreaker") {
                errors.on(
                    &handle,
                    "this creates a new breaker for every call, so it never opens; store it in a \
                     `static` and pass that: `#[circuit_breaker(INVENTORY)]`",
                );
            }
            // All other options configure the static that is generated without a handle.
            for option in
                GRAMMAR.keys.iter().chain(GRAMMAR.flags).filter_map(|option| arguments.take(option))
            {
                errors.on(
                    &option.key,
                    format!(
                        "`{}` can't be set here; set it where the breaker `{}` is defined",
                        option.key,
                        handle.to_token_stream()
                    ),
                );
            }
            return Some(Self {
                handle: Some(handle),
                settings: Vec::new(),
                ignore,
                is_of_block: false,
            });
        }
        let shared = arguments.flag("shared").is_some();
        let (is_generic, what) = match place.block {
            Some(block) => (block.is_generic, "`impl`"),
            None => (place.function.is_generic(), "function"),
        };
        if is_generic && !shared {
            errors.at(
                place.span,
                format!(
                    "a generic {what} would use one breaker for all its types; pass one, such as \
                     `#[circuit_breaker(INVENTORY)]`, or write `shared` to allow that"
                ),
            );
        }
        let settings = own_settings(arguments, place.function, errors);
        Some(Self { handle: None, settings, ignore, is_of_block: place.block.is_some() })
    }

    fn needs_async(_: &Ident) -> Option<String> {
        None
    }

    fn not_on_impl() -> Option<&'static str> {
        None
    }

    fn properties(&self) -> Properties {
        Properties { reuses_arguments: false, rejects: true, classifies: true }
    }

    fn setup(&self, scope: &Scope<'_>) -> TokenStream {
        let runtime = scope.runtime;
        match &self.handle {
            None if self.is_of_block => TokenStream::new(),
            None => self.own_static(&runtime.to_token_stream(), &scope.label),
            Some(_) if self.named_static().is_some() => TokenStream::new(),
            Some(handle) => {
                let (held, breaker, site) =
                    (scope.hold(handle, "breaker", &Self::local()), Self::local(), &scope.site);
                quote!(#held #runtime::Site::uses_breaker(&#site, #runtime::CircuitBreaker::name(#breaker));)
            }
        }
    }

    // Input:  the call
    // Output: 'guarded: {
    //             let permit = match acquire_static(breaker, None, || &SITE) {
    //                 Ok(permit) => permit,
    //                 Err(rejected) => break 'guarded Err(reject::<E>(rejected)),
    //             };
    //             match call {
    //                 Ok(value) => { succeeded(permit); Ok(value) }
    //                 Err(error) => { failed::<E>(permit, &SITE, &error); Err(error) }
    //             }
    //         }
    fn wrap(&self, around: &Around<'_>, inner: Fragment, scope: &Scope<'_>) -> Fragment {
        let (runtime, site) = (scope.runtime, &scope.site);
        let [permit, rejected] = ["permit", "rejected"].map(Scope::local);
        let breaker = self.in_use();
        let [value, error] = ["value", "error"].map(Scope::local);
        let acquire = if self.is_static(scope) { quote!(acquire_static) } else { quote!(acquire) };
        let longest = scope.option(longest(around, scope));
        let under = if let Some(timeout) = timeout_of_the_call(around) {
            let deadline = timeout.deadline();
            quote!(let #permit = #runtime::under(#permit, &#deadline);)
        } else {
            quote!(let #permit = #runtime::began(#permit);)
        };
        let failed = scope.classifying("failed", &quote!(#permit, &#site, &#error));
        let rejection = scope.rejection(&rejected);
        let failed = if let Some(ignore) = self.ignore.as_ref().map(|ignore| scope.user(ignore)) {
            quote! {
                if #runtime::ignores(&#error, #ignore) {
                    #permit.ignore();
                } else {
                    #failed;
                }
            }
        } else {
            quote!(#failed;)
        };
        let guarded = Scope::block_label("'guarded");
        let Fragment { before, code } = inner;
        let call = code.into_value();
        Fragment {
            before,
            code: Code::Value(quote! {
                #guarded: {
                    let #permit = match #runtime::#acquire(#breaker, #longest, || &#site) {
                        #runtime::Ok(#permit) => #permit,
                        #runtime::Err(#rejected) => {
                            break #guarded #runtime::Err(#rejection);
                        }
                    };
                    #under
                    match #call {
                        #runtime::Ok(#value) => {
                            #runtime::succeeded(#permit);
                            #runtime::Ok(#value)
                        }
                        #runtime::Err(#error) => {
                            #failed
                            #runtime::Err(#error)
                        }
                    }
                }
            }),
        }
    }
}

impl CircuitBreaker {
    /// `static __RESILIENCE_BREAKER: CircuitBreaker = …;`
    fn own_static(&self, runtime: &TokenStream, label: &TokenStream) -> TokenStream {
        let settings = self.settings.iter().map(|(name, value)| quote!(.#name(#value)));
        quote! {
            static __RESILIENCE_BREAKER: #runtime::CircuitBreaker = #runtime::CircuitBreaker::new(#label)#(#settings)*;
        }
    }

    /// The breaker that the methods of an `impl` block share, if the attribute names none.
    pub(crate) fn static_of_block(
        &self,
        runtime: &TokenStream,
        label: &TokenStream,
    ) -> Option<TokenStream> {
        self.is_of_block.then(|| self.own_static(runtime, label))
    }

    /// The breaker, after `setup`.
    pub(super) fn in_use(&self) -> TokenStream {
        match &self.handle {
            None => quote!(&__RESILIENCE_BREAKER),
            Some(_) if self.named_static().is_some() => quote!(__resilience_breaker()),
            Some(_) => Self::local().to_token_stream(),
        }
    }

    /// The handle if it is the path of a static, such as `breakers::INVENTORY`, so that another
    /// static can refer to it.
    fn named_static(&self) -> Option<&Expr> {
        let handle = self.handle.as_ref()?;
        let path = static_path(handle)?;
        let mut segments = path.path.segments.iter().map(|segment| &segment.ident);
        let last = segments.next_back()?;
        // An associated constant may depend on a type parameter.
        let in_a_type = segments.any(|module| module.to_string().starts_with(char::is_uppercase));
        (path.qself.is_none() && is_screaming_snake(last) && !in_a_type).then_some(handle)
    }

    /// A function that returns the static, which is declared first and written once, so that a
    /// wrong type is a single error. Also the setting of the site that takes the label of the whole
    /// nest from it. Not a constant, since the static may be a `LazyLock`.
    pub(crate) fn as_static(&self, runtime: &Ident) -> Option<(TokenStream, TokenStream)> {
        let handle = self.named_static()?;
        let value = value_of(handle);
        let found = located(quote!(#runtime::breaker(#runtime::of_static(&#value))), handle.span());
        let named = quote! {
            #[inline]
            fn __resilience_breaker() -> &'static #runtime::CircuitBreaker {
                #found
            }
        };
        let name = quote!(.named_by(|| #runtime::CircuitBreaker::name(__resilience_breaker())));
        Some((named, name))
    }

    fn is_static(&self, scope: &Scope<'_>) -> bool {
        self.handle.as_ref().is_none_or(|handle| scope.holding(handle) == Holding::Static)
    }

    /// The local that holds a breaker which isn't a static.
    fn local() -> Ident {
        Scope::local("breaker")
    }
}

fn own_settings(
    arguments: &mut Arguments,
    function: &Function,
    errors: &mut Errors,
) -> Vec<(Ident, TokenStream)> {
    let mut settings = Vec::new();
    let mut add = |name: &str, tokens: TokenStream| {
        settings.push((Ident::new(name, Span::mixed_site()), tokens));
    };
    let names = function.argument_names();
    let constant = |key: &str, expr: Option<&Expr>, errors: &mut Errors| {
        if let Some(name) = expr.and_then(|expr| {
            find_ident(expr, &mut |ident| ident == "self" || names.contains(ident))
        }) {
            errors.on(
                &name,
                format!(
                    "`{key}` is set in a `static`, which can't use `{name}`; store the \
                     breaker in a field and pass it: `#[circuit_breaker(self.breaker)]`"
                ),
            );
        }
    };
    for (key, range, what) in [
        (
            "failure_threshold",
            1..=u32::MAX,
            "; it is the number of consecutive failures that open the circuit",
        ),
        ("probes", defaults::PROBES, "; it is the number of calls that test the half-open circuit"),
        (
            "recovery_growth",
            defaults::RECOVERY_GROWTH,
            "; it is the factor by which each re-opening lengthens the recovery timeout",
        ),
    ] {
        if let Some(number) = arguments.number(key, range, what, errors) {
            constant(key, number.expr(), errors);
            add(key, number.to_token_stream());
        }
    }
    let mut known_durations = Vec::new();
    for key in ["recovery_timeout", "max_recovery_timeout"] {
        if let Some(duration) = arguments.duration(key, errors) {
            if let Setting::Literal(known, span) = duration {
                if !defaults::RECOVERY.contains(&known) {
                    errors.at(
                        span,
                        format!(
                            "`{key}` must be between 1 ms and 1 day, such as `{key} = \
                             \"30s\"`; it is the time that the callee gets to recover"
                        ),
                    );
                }
                known_durations.push((known, span));
            }
            constant(key, duration.expr(), errors);
            add(key, duration.to_token_stream());
        }
    }
    if let [(first, _), (longest, span)] = known_durations[..] {
        if longest < first {
            errors.at(
                span,
                format!(
                    "`recovery_timeout` is {} and `max_recovery_timeout` is {}; the first must \
                     not be longer than the second",
                    units::show(first),
                    units::show(longest)
                ),
            );
        }
    }
    if let Some(duration) = arguments.duration("abandoned_after", errors) {
        if let Setting::Literal(known, span) = duration {
            if !defaults::RECOVERY.contains(&known) {
                errors.at(
                    span,
                    "`abandoned_after` must be between 1 ms and 1 day, such as `abandoned_after = \
                     \"2s\"`; it is the time after which a call that its caller drops counts as a \
                     failure",
                );
            }
        }
        constant("abandoned_after", duration.expr(), errors);
        add("abandoned_after", duration.to_token_stream());
    }
    if let Some(percent) = arguments.percent("recovery_jitter", errors) {
        constant("recovery_jitter", percent.expr(), errors);
        add("recovery_jitter", percent.to_token_stream());
    }
    settings
}

/// The timeout that knows how long a call of this layer has waited: the one below, unless a retry
/// between the two makes several attempts of it, or else the one above.
fn timeout_of_the_call<'a>(around: &Around<'a>) -> Option<&'a Timeout> {
    let retry = around.below::<Retry>().map(|(at, _)| at);
    let below = around.below::<Timeout>().filter(|(at, _)| retry.is_none_or(|retry| *at < retry));
    below.or_else(|| around.above::<Timeout>()).map(|(_, timeout)| timeout)
}

/// How long a call of this layer may take, if a timeout limits it: the one below, unless a retry
/// between the two makes several attempts of it; then the one above; and without one above, as long
/// as the retry can go on.
fn longest(around: &Around<'_>, scope: &Scope<'_>) -> Option<TokenStream> {
    let above = around.above::<Timeout>().map(|(_, timeout)| timeout.duration());
    let Some((at, below)) = around.below::<Timeout>() else { return above };
    match around.below::<Retry>().filter(|(retry, _)| *retry < at) {
        None => Some(below.duration()),
        Some((_, retry)) => above.or_else(|| {
            let (runtime, policy, attempt) =
                (scope.runtime, retry.policy_in_use(scope), below.duration());
            Some(quote!(#runtime::longest_call(#policy, #attempt)))
        }),
    }
}
