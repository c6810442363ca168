use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Lit};

use super::condition;
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
        "failure_rate",
        "window",
        "min_calls",
        "slow_call",
        "slow_rate",
        "recovery_timeout",
        "probes",
        "recovery_growth",
        "max_recovery_timeout",
        "recovery_jitter",
        "abandoned_after",
        "ignore",
        "key",
        "key_text",
    ],
    flags: &["shared", "slow_while_running"],
    lists: &["clone"],
    foreign: foreign::CIRCUIT_BREAKER,
    foreign_by_words: foreign::CIRCUIT_BREAKER_BY_WORDS,
};

pub(crate) struct CircuitBreaker {
    handle: Option<Expr>,
    /// Selects a breaker of the set that `handle` names.
    key: Option<Expr>,
    /// The text of the key for events.
    key_text: Option<Expr>,
    settings: Vec<(Ident, TokenStream)>,
    ignore: Option<Expr>,
    /// Whether the breaker is the one of the `impl` block, which declares it.
    is_of_block: bool,
}

impl Layer for CircuitBreaker {
    fn parse(arguments: &mut Arguments, place: &Place<'_>, errors: &mut Errors) -> Option<Self> {
        const SECOND: &str = "`#[circuit_breaker]` takes only one breaker; remove this one";
        let ignore = arguments.take("ignore").and_then(|option| {
            let key = option.key.clone();
            let expr = errors.take(option.expr())?;
            condition::check(&key, &expr, "error", errors);
            Some(expr)
        });
        let key = arguments.expr("key", errors);
        let key_text = arguments.expr("key_text", errors);
        let handle = arguments.only_positional(SECOND, errors);
        if let Some(key) = &key {
            if handle.is_none() {
                errors.on(
                    key,
                    "`key` selects a breaker of a set; name the set too, such as \
                     `#[circuit_breaker(PARTNERS, key = partner)]`",
                );
            } else if options::literal(key).is_some() {
                errors.on(
                    key,
                    "this `key` is the same for every call; write an argument, such as \
                     `key = partner`",
                );
            }
        }
        if let (None, Some(text)) = (&key, &key_text) {
            errors.on(
                text,
                "`key_text` is the text of a `key`; write both, such as \
                 `key = partner, key_text = partner.to_string()`",
            );
        }
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
                key,
                key_text,
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
        Some(Self {
            handle: None,
            key,
            key_text,
            settings,
            ignore,
            is_of_block: place.block.is_some(),
        })
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
            Some(handle) if self.key.is_some() => self.select(handle, scope),
            Some(handle) => {
                let (held, breaker, site) =
                    (scope.hold(handle, "breaker", &Self::local()), Self::local(), &scope.site);
                if self.is_static(scope) {
                    quote!(#held #runtime::uses_breaker(&#site, #breaker);)
                } else {
                    quote!(#held let #breaker = #runtime::listed(#breaker, &#site);)
                }
            }
        }
    }

    // Input:  the body, with or without a timeout
    // Output: guarded_and_timed::<_, E>(current(&retry), &deadline_0, breaker, body)
    //
    // Around anything else:
    // Output: 'guarded: {
    //             let permit = match acquire(breaker, (), None) {
    //                 Ok(permit) => permit,
    //                 Err(rejected) => break 'guarded Err(reject::<E>(rejected)),
    //             };
    //             match call {
    //                 Ok(value) => { succeeded(permit); Ok(value) }
    //                 Err(error) => { failed::<E>(permit, &SITE, &error); Err(error) }
    //             }
    //         }
    fn wrap(&self, around: &Around<'_>, inner: Fragment, scope: &Scope<'_>) -> Fragment {
        let place = self.place(scope);
        match inner {
            Fragment { before, code: Code::Attempt(mut attempt) }
                if attempt.breaker.is_none() && self.ignore.is_none() =>
            {
                attempt.breaker = Some(place);
                attempt.above = around.above::<Timeout>().map(|(_, timeout)| timeout.deadline());
                Fragment { before, code: Code::Attempt(attempt) }
            }
            Fragment { before, code } => {
                let call = code.into_value(scope);
                Fragment { before, code: Code::Value(self.around_value(around, &call, scope)) }
            }
        }
    }
}

impl CircuitBreaker {
    fn around_value(
        &self,
        around: &Around<'_>,
        call: &TokenStream,
        scope: &Scope<'_>,
    ) -> TokenStream {
        let (runtime, site, place) = (scope.runtime, &scope.site, self.place(scope));
        let [permit, rejected, value, error] =
            ["permit", "rejected", "value", "error"].map(Scope::local);
        let longest = scope.option(longest(around, scope));
        let above = timeout_of_the_call(around).map_or_else(
            || quote!(()),
            |timeout| {
                let deadline = timeout.deadline();
                quote!(&#deadline)
            },
        );
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
        quote! {
            #guarded: {
                let #permit = match #runtime::acquire(#place, #above, #longest) {
                    #runtime::Ok(#permit) => #permit,
                    #runtime::Err(#rejected) => {
                        break #guarded #runtime::Err(#rejection);
                    }
                };
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
        }
    }

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

    /// The rules of a retry around the breaker of a key: its own breaker, found again.
    pub(super) fn rules_of_key(&self, rules: TokenStream, runtime: &Ident) -> TokenStream {
        if self.key.is_none() {
            return rules;
        }
        let (set, key) = (Self::local(), Self::key_local());
        quote!(#runtime::rules_of_key(#rules, &#runtime::breaker_of_key(#set, #key)))
    }

    // Input:  PARTNERS, key = partner
    // Output: let set = breaker_set(of_static(&PARTNERS));
    //         uses_set(&SITE, set);
    //         let key = key_of(set).hash_key(&partner);
    //
    // A method, since a set of `String`s has another one, which takes a `str`. The key is hashed, so
    // the body may move what it is made of.
    fn select(&self, handle: &Expr, scope: &Scope<'_>) -> TokenStream {
        let (runtime, site, set) = (scope.runtime, &scope.site, Self::local());
        let held = scope.hold(handle, "breaker_set", &set);
        let key = self.key.as_ref().map(|key| {
            let parts: Vec<&Expr> = match key {
                Expr::Tuple(tuple) if (2..=3).contains(&tuple.elems.len()) => {
                    tuple.elems.iter().collect()
                }
                key => vec![key],
            };
            let count = parts.len();
            let parts = parts.into_iter().map(|part| {
                let value = scope.user(part);
                match part {
                    // `&a + b` would be `(&a) + b`.
                    Expr::Binary(_) | Expr::Cast(_) | Expr::Range(_) => {
                        quote_spanned!(part.span()=> &(#value))
                    }
                    _ => quote_spanned!(part.span()=> &#value),
                }
            });
            let local = Self::key_local();
            if count > 1 {
                let find = Scope::name(&format!("key_of_{count}"));
                let find = located(quote!(#runtime::#find), key.span());
                return quote!(let #local = #find(#set, #(#parts),*););
            }
            let of_set = located(quote!(#runtime::key_of), key.span());
            let hash = located(quote!(hash_key), key.span());
            quote! {
                let #local = {
                    #[allow(unused_imports)]
                    use #runtime::{BorrowedKeyHasher as _, KeyHasher as _};
                    #of_set(#set).#hash(#(#parts),*)
                };
            }
        });
        let text = self.key_text.as_ref().map(|text| {
            let (local, text) = (Self::key_local(), scope.user(text));
            quote!(#runtime::key_text(#set, #local, || #text);)
        });
        quote!(#held #runtime::uses_set(&#site, #set); #key #text)
    }

    /// The breaker, after `setup`. `None` if each call has one of a set.
    pub(super) fn in_use(&self) -> Option<TokenStream> {
        if self.has_function() {
            Some(quote!(__resilience_breaker().0))
        } else if self.key.is_none() {
            Some(Self::local().to_token_stream())
        } else {
            None
        }
    }

    /// The breaker and the function that it guards.
    fn place(&self, scope: &Scope<'_>) -> TokenStream {
        let (runtime, site, breaker) = (scope.runtime, &scope.site, Self::local());
        if self.has_function() {
            quote!(__resilience_breaker)
        } else if self.key.is_some() {
            let key = Self::key_local();
            quote!(#runtime::keyed(#breaker, #key, &#site))
        } else if self.is_static(scope) {
            quote!(move || (#breaker, &#site))
        } else {
            quote!(#runtime::held(#breaker, &#site))
        }
    }

    /// Whether a function returns the breaker, and not a local.
    fn has_function(&self) -> bool {
        self.handle.is_none() || self.named_static().is_some()
    }

    /// The handle if it is the path of a static, such as `breakers::INVENTORY`, so that another
    /// static can refer to it.
    fn named_static(&self) -> Option<&Expr> {
        let handle = self.handle.as_ref().filter(|_| self.key.is_none())?;
        let path = static_path(handle)?;
        let mut segments = path.path.segments.iter().map(|segment| &segment.ident);
        let last = segments.next_back()?;
        // An associated constant may depend on a type parameter.
        let in_a_type = segments.any(|module| module.to_string().starts_with(char::is_uppercase));
        (path.qself.is_none() && is_screaming_snake(last) && !in_a_type).then_some(handle)
    }

    /// A function that returns the static and the site that it guards, which is declared first and
    /// written once, so that a wrong type is a single error. Not a constant, since the static may
    /// be a `LazyLock`. As a value, it takes no space in a future.
    pub(crate) fn function(&self, runtime: &Ident, site: &Ident) -> TokenStream {
        if !self.has_function() {
            return TokenStream::new();
        }
        let found = self.handle.as_ref().map_or_else(
            || quote!(&__RESILIENCE_BREAKER),
            |handle| {
                let value = value_of(handle);
                located(quote!(#runtime::breaker(#runtime::of_static(&#value))), handle.span())
            },
        );
        quote! {
            #[inline]
            fn __resilience_breaker() -> (&'static #runtime::CircuitBreaker, &'static #runtime::Site) {
                (#found, &#site)
            }
        }
    }

    /// Whether the label of the nest is the name of a static breaker.
    pub(crate) fn is_label(&self) -> bool {
        self.named_static().is_some()
    }

    fn is_static(&self, scope: &Scope<'_>) -> bool {
        self.handle.as_ref().is_none_or(|handle| scope.holding(handle) == Holding::Static)
    }

    /// The local that holds a breaker which isn't a static, or a set.
    fn local() -> Ident {
        Scope::local("breaker")
    }

    /// The local that holds the hash of the key.
    fn key_local() -> Ident {
        Scope::local("breaker_key")
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
    let keys = RateKeys::of(arguments);
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
    rate(arguments, &keys, &mut add, constant, errors);
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

/// The keys of the options that belong to a failure rate, or contradict it.
struct RateKeys {
    failure_threshold: Option<Ident>,
    failure_rate: Option<Ident>,
    slow_call: Option<Ident>,
    slow_rate: Option<Ident>,
    slow_while_running: Option<Ident>,
    window: Option<Ident>,
    min_calls: Option<Ident>,
}

impl RateKeys {
    fn of(arguments: &Arguments) -> Self {
        let key = |name: &str| arguments.key(name).cloned();
        Self {
            failure_threshold: key("failure_threshold"),
            failure_rate: key("failure_rate"),
            slow_call: key("slow_call"),
            slow_rate: key("slow_rate"),
            slow_while_running: key("slow_while_running"),
            window: key("window"),
            min_calls: key("min_calls"),
        }
    }

    fn check(&self, errors: &mut Errors) {
        if let (Some(threshold), Some(_)) = (&self.failure_threshold, &self.failure_rate) {
            errors.on(
                threshold,
                "either `failure_threshold` or `failure_rate` opens the circuit; remove one",
            );
        }
        if self.failure_rate.is_none() {
            let of_rate =
                [&self.window, &self.min_calls, &self.slow_call, &self.slow_rate].into_iter();
            for key in of_rate.flatten() {
                errors.on(
                    key,
                    format!(
                        "`{key}` belongs to a failure rate; write `failure_rate = \"50%\"` as well"
                    ),
                );
            }
        }
        match (&self.slow_call, &self.slow_rate) {
            (Some(call), None) => errors.on(
                call,
                "`slow_call` needs the rate that opens the circuit; write `slow_rate = \"80%\"` as \
                 well",
            ),
            (None, Some(rate)) => errors.on(
                rate,
                "`slow_rate` needs to know which calls are slow; write `slow_call = \"2s\"` as well",
            ),
            (None, None) => {
                if let Some(flag) = &self.slow_while_running {
                    errors.on(
                        flag,
                        "`slow_while_running` needs to know which calls are slow; write \
                         `slow_call = \"2s\", slow_rate = \"80%\"` as well",
                    );
                }
            }
            (Some(_), Some(_)) => {}
        }
    }
}

/// The options of a failure rate. The rate comes first, since the runtime's settings follow it.
fn rate(
    arguments: &mut Arguments,
    keys: &RateKeys,
    add: &mut impl FnMut(&str, TokenStream),
    constant: impl Fn(&str, Option<&Expr>, &mut Errors) + Copy,
    errors: &mut Errors,
) {
    const LEAST: &str = "; it is how many calls the window must have before its rate counts";
    let window = rate_and_window(arguments, add, constant, errors);
    if let Some(least) = arguments.number("min_calls", 1..=u32::MAX, LEAST, errors) {
        constant("min_calls", least.expr(), errors);
        add("min_calls", least.to_token_stream());
        if let (Setting::Literal(least, span), Some(calls)) = (least, window) {
            if least > calls {
                errors.at(
                    span,
                    format!(
                        "`window` is {calls} and `min_calls` is {least}; the second must not be \
                         larger than the first"
                    ),
                );
            }
        }
    }
    slow_calls(arguments, add, constant, errors);
    keys.check(errors);
}

/// `failure_rate` and `window`. Returns the number of calls in the window, if it is known.
fn rate_and_window(
    arguments: &mut Arguments,
    add: &mut impl FnMut(&str, TokenStream),
    constant: impl Fn(&str, Option<&Expr>, &mut Errors),
    errors: &mut Errors,
) -> Option<u32> {
    let rate = percentage(
        arguments,
        "failure_rate",
        "it is the share of failed calls that opens the circuit",
        &constant,
        errors,
    );
    if let Some(rate) = rate {
        add("failure_rate", rate.to_token_stream());
    }
    let window = arguments.expr("window", errors)?;
    match options::literal(&window) {
        Some(Lit::Str(_)) => {
            let duration = errors.take(options::duration(window))?;
            if let Setting::Literal(known, span) = duration {
                if !defaults::WINDOW_TIME.contains(&known) {
                    errors.at(
                        span,
                        "`window` must be between 10 ms and 1 hour, such as `window = \"10s\"`; it \
                         is the time whose calls are judged",
                    );
                }
            }
            add("window_time", duration.to_token_stream());
            None
        }
        Some(Lit::Int(number)) if matches!(number.suffix(), "" | "u32") => {
            let calls = number.base10_parse::<u32>().ok();
            let calls = calls.filter(|calls| defaults::WINDOW_CALLS.contains(calls));
            if let Some(calls) = calls {
                add("window", calls.to_token_stream());
            } else {
                errors.on(
                    number,
                    "`window` must be between 1 and 4096 calls, or a time such as `\"10s\"`",
                );
            }
            calls
        }
        Some(other) => {
            errors.on(
                other,
                "`window` must be a number of calls, such as `100`, or a time, such as `\"10s\"`",
            );
            None
        }
        None => {
            errors.on(
                &window,
                "`window` must be a literal, such as `100` or `\"10s\"`; for a constant, pass a \
                 breaker: `#[circuit_breaker(INVENTORY)]`",
            );
            None
        }
    }
}

/// `slow_call`, `slow_rate` and `slow_while_running`.
fn slow_calls(
    arguments: &mut Arguments,
    add: &mut impl FnMut(&str, TokenStream),
    constant: impl Fn(&str, Option<&Expr>, &mut Errors),
    errors: &mut Errors,
) {
    let longer_than = arguments.duration("slow_call", errors);
    if let Some(longer_than) = &longer_than {
        if let Setting::Literal(known, span) = longer_than {
            if !defaults::RECOVERY.contains(known) {
                errors.at(
                    *span,
                    "`slow_call` must be between 1 ms and 1 day, such as `slow_call = \"2s\"`; a \
                     call that takes longer is slow",
                );
            }
        }
        constant("slow_call", longer_than.expr(), errors);
    }
    let rate = percentage(
        arguments,
        "slow_rate",
        "it is the share of slow calls that opens the circuit",
        &constant,
        errors,
    );
    if let (Some(longer_than), Some(rate)) = (longer_than, rate) {
        add("slow_calls", quote!(#longer_than, #rate));
    }
    if arguments.flag("slow_while_running").is_some() {
        add("slow_while_running", TokenStream::new());
    }
}

/// A percentage from 1 to 100.
fn percentage(
    arguments: &mut Arguments,
    key: &str,
    what: &str,
    constant: impl Fn(&str, Option<&Expr>, &mut Errors),
    errors: &mut Errors,
) -> Option<Setting<u32>> {
    let percent = arguments.percent(key, errors)?;
    if let Setting::Literal(0, span) = percent {
        errors.at(span, format!("`{key}` must be between 1% and 100%; {what}"));
    }
    constant(key, percent.expr(), errors);
    Some(percent)
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
