use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Lit};

use super::degrade::{Degrade, value};
use super::{Code, Fragment, Holding, Scope, makes_a_new};
use crate::diagnostics::Errors;
use crate::function::Function;
use crate::options::{self, Arguments, Grammar, Opt, Setting, Value};
use crate::units;

pub(super) const GRAMMAR: Grammar = Grammar {
    owner: "#[retry]",
    keys: &[
        "attempts",
        "base",
        "max_delay",
        "jitter",
        "max_retry_after",
        "idempotency_key",
        "budget",
    ],
    flags: &["idempotent", "non_idempotent", "idempotency_key", "external_timeout"],
    lists: &["clone"],
    foreign: &[
        (
            "max_retries",
            "it is `attempts`, which counts the first execution too: 3 retries are `attempts = 4`",
        ),
        (
            "retries",
            "it is `attempts`, which counts the first execution too: 3 retries are `attempts = 4`",
        ),
        ("max_attempts", "it is `attempts`"),
        ("max_times", "it is `attempts`, which counts the first execution too"),
        ("times", "it is `attempts`, which counts the first execution too"),
        ("limit", "it is `attempts`, which counts the first execution too"),
        ("tries", "it is `attempts`"),
        ("stop_after_attempt", "it is `attempts`"),
        ("delay", "it is `base`"),
        ("base_delay", "it is `base`"),
        ("initial_delay", "it is `base`"),
        ("initial_backoff", "it is `base`"),
        ("min_backoff", "it is `base`"),
        ("interval", "it is `base`"),
        ("min_delay", "it is `base`"),
        ("initial_interval", "it is `base`"),
        ("min_timeout", "it is `base`"),
        ("max_timeout", "it is `max_delay`"),
        ("max_interval", "it is `max_delay`"),
        ("max_backoff", "it is `max_delay`"),
        (
            "max_elapsed_time",
            "write `#[timeout(\"30s\")]` above `#[retry]`, for all attempts together",
        ),
        ("total_delay", "write `#[timeout(\"30s\")]` above `#[retry]`, for all attempts together"),
        (
            "stop_after_delay",
            "write `#[timeout(\"30s\")]` above `#[retry]`, for all attempts together",
        ),
        ("factor", "delays double; for another course choose a `jitter`"),
        ("multiplier", "delays double; for another course choose a `jitter`"),
        ("backoff", "write `base`, `max_delay` and `jitter`"),
        (
            "when",
            "the error says whether it may be retried; write `classify = …` for a foreign one",
        ),
        (
            "retry_if",
            "the error says whether it may be retried; write `classify = …` for a foreign one",
        ),
        ("on", "the error says whether it may be retried; write `classify = …` for a foreign one"),
        (
            "predicate",
            "the error says whether it may be retried; write `classify = …` for a foreign one",
        ),
        (
            "condition",
            "the error says whether it may be retried; write `classify = …` for a foreign one",
        ),
        ("on_retry", "each retry is an event, `retry_scheduled`"),
        ("notify", "each retry is an event, `retry_scheduled`"),
        ("policy", "write the policy alone: `#[retry(STANDARD)]`"),
        ("not_idempotent", "it is `non_idempotent`"),
        ("timeout", "it is a layer of its own: write `#[timeout(\"5s\")]`"),
        ("fallback", "it is a layer of its own: write `#[degrade(fallback = …)]` at the top"),
        ("name", "write `service = \"…\"` for the label"),
    ],
};

pub(crate) struct Retry {
    policy: Option<Expr>,
    attempts: Option<Setting<u32>>,
    base: Option<Setting<Duration>>,
    max_delay: Option<Setting<Duration>>,
    jitter: Option<Jitter>,
    max_retry_after: Option<Setting<Duration>>,
    repeat: Option<Repeat>,
    budget: Budget,
    pub(crate) external_timeout: bool,
}

enum Jitter {
    Named(&'static str),
    UpTo(Duration, Span),
    Later(Expr),
}

enum Repeat {
    Idempotent,
    NonIdempotent,
    Key(Option<Expr>),
}

enum Budget {
    OfTheSite,
    Off,
    Handle(Expr),
}

const DEFAULT_MAX_DELAY: Duration = Duration::from_secs(30);
const DEFAULT_BASE: Duration = Duration::from_millis(500);

impl Retry {
    pub(super) fn parse(arguments: &mut Arguments, errors: &mut Errors) -> Self {
        let mut positional = std::mem::take(&mut arguments.positional).into_iter();
        let policy = positional.next();
        for second in positional {
            errors.on(second, "`#[retry]` takes one policy; take this one off");
        }
        if let Some(Expr::Lit(literal)) = &policy {
            errors.on(
                literal,
                format!(
                    "this option needs its name; write `attempts = {}`",
                    literal.to_token_stream()
                ),
            );
        }
        let retry = Self {
            policy,
            attempts: arguments.number(
                "attempts",
                1..=u32::MAX,
                "; `attempts = 1` means no retry",
                errors,
            ),
            base: arguments.duration("base", errors),
            max_delay: arguments.duration("max_delay", errors),
            jitter: arguments.expr("jitter", errors).and_then(|expr| errors.take(jitter(expr))),
            max_retry_after: arguments.duration("max_retry_after", errors),
            repeat: repeat(arguments, errors),
            budget: budget(arguments.take("budget"), errors),
            external_timeout: arguments.flag("external_timeout").is_some(),
        };
        retry.check(errors);
        retry
    }

    /// Settings that contradict each other.
    fn check(&self, errors: &mut Errors) {
        let or_default = |setting: &Option<Setting<Duration>>, default| match setting {
            None => self.policy.is_none().then_some((default, " by default")),
            Some(setting) => setting.known().map(|known| (known, "")),
        };
        let max_delay = or_default(&self.max_delay, DEFAULT_MAX_DELAY);
        if let (Some((base, how)), Some((max, max_how))) =
            (or_default(&self.base, DEFAULT_BASE), max_delay)
        {
            if base > max {
                let blamed = match (&self.base, &self.max_delay) {
                    (Some(Setting::Known(_, span)), _) | (_, Some(Setting::Known(_, span))) => {
                        *span
                    }
                    _ => Span::call_site(),
                };
                errors.at(
                        blamed,
                        format!("`base` is {}{how} and `max_delay` is {}{max_how}; the first delay must not be longer than the longest", units::show(base), units::show(max)),
                    );
            }
        }
        if let (Some(Jitter::UpTo(jitter, span)), Some((max, how))) = (&self.jitter, max_delay) {
            if *jitter > max {
                errors.at(
                    *span,
                    format!(
                        "`jitter` is {} and `max_delay` is {}{how}; no delay is longer than that, its random part included",
                        units::show(*jitter),
                        units::show(max)
                    ),
                );
            }
        }
    }

    /// Whether the attribute itself says if the operation may be repeated; `Err` is the policy to
    /// ask.
    pub(crate) fn says_whether_to_repeat(&self) -> Result<bool, &Expr> {
        match (&self.repeat, &self.policy) {
            (Some(_), _) => Ok(true),
            (None, None) => Ok(false),
            (None, Some(policy)) => Err(policy),
        }
    }

    pub(crate) fn setup(&self, scope: &Scope<'_>) -> TokenStream {
        let (policy, budget, key) = (self.policy(scope), self.budget(scope), self.key(scope));
        quote!(#policy #budget #key)
    }

    /// `let key = …;`, the same for every attempt.
    fn key(&self, scope: &Scope<'_>) -> Option<TokenStream> {
        let Some(Repeat::Key(given)) = &self.repeat else { return None };
        let (krate, key, given_text) = (scope.krate, Scope::local("key"), Scope::local("given"));
        Some(match given {
            None => quote!(let #key = #krate::__private::Key::generate();),
            Some(expr) => {
                // A value that can't be shown is reported where it is written.
                let span = expr.span();
                let expr = scope.user(expr);
                let shown = quote_spanned!(span=> #krate::__private::ToString::to_string(&#expr));
                quote! {
                    let #given_text = #shown;
                    let #key = #krate::__private::Key::Given(&#given_text);
                }
            }
        })
    }

    pub(crate) fn has_key(&self) -> bool {
        matches!(self.repeat, Some(Repeat::Key(_)))
    }

    /// The policy as a constant, where it is one: written where it is used, it takes no room in the
    /// future.
    fn constant_policy(&self, scope: &Scope<'_>) -> Option<TokenStream> {
        let is_constant =
            self.policy.as_ref().is_none_or(|named| is_constant(named, scope.function));
        if !is_constant || !self.is_literal() {
            return None;
        }
        let (krate, repeat, steps) = (scope.krate, self.repeat_step(), self.steps(scope));
        let named = self.policy.as_ref().map(|policy| named(policy, scope));
        let start = if named.is_some() {
            Scope::local("named").to_token_stream()
        } else {
            quote!(#krate::Retry::new())
        };
        Some(quote!(&const { #named #start #(#steps)* #repeat.checked() }))
    }

    /// The policy, where `setup` has run.
    pub(crate) fn policy_in_use(&self, scope: &Scope<'_>) -> TokenStream {
        self.constant_policy(scope).unwrap_or_else(|| Scope::local("policy").to_token_stream())
    }

    fn repeat_step(&self) -> TokenStream {
        match self.repeat {
            Some(Repeat::Idempotent | Repeat::Key(_)) => quote!(.idempotent()),
            Some(Repeat::NonIdempotent) => quote!(.non_idempotent()),
            None => quote!(),
        }
    }

    fn policy(&self, scope: &Scope<'_>) -> TokenStream {
        if self.constant_policy(scope).is_some() {
            return TokenStream::new();
        }
        let (krate, site, policy) = (scope.krate, &scope.site, Scope::local("policy"));
        let repeat = self.repeat_step();
        let start = self
            .policy
            .as_ref()
            .map_or_else(|| quote!(#krate::Retry::new()), |named| scope.user(named));
        let steps = self.steps(scope);
        quote! {
            let #policy: #krate::Retry = #start;
            let #policy = &#krate::__private::clamp::Policy::new(#policy, &#site)#(#steps)*.done()#repeat;
        }
    }

    /// One method call per setting.
    fn steps(&self, scope: &Scope<'_>) -> Vec<TokenStream> {
        let mut steps = Vec::new();
        let mut add = |name: &str, value: Option<TokenStream>| {
            if let Some(value) = value {
                let name = Ident::new(name, Span::mixed_site());
                let value = scope.user(value);
                steps.push(quote!(.#name(#value)));
            }
        };
        let krate = scope.krate;
        add("attempts", self.attempts.as_ref().map(ToTokens::to_token_stream));
        add("base", self.base.as_ref().map(ToTokens::to_token_stream));
        add("max_delay", self.max_delay.as_ref().map(ToTokens::to_token_stream));
        add("max_retry_after", self.max_retry_after.as_ref().map(ToTokens::to_token_stream));
        add(
            "jitter",
            self.jitter.as_ref().map(|jitter| match jitter {
                Jitter::Named(name) => {
                    let name = Ident::new(name, Span::mixed_site());
                    quote!(#krate::Jitter::#name)
                }
                Jitter::UpTo(duration, span) => {
                    let duration = Setting::Known(*duration, *span);
                    quote!(#krate::Jitter::UpTo(#duration))
                }
                Jitter::Later(expr) => expr.to_token_stream(),
            }),
        );
        steps
    }

    fn is_literal(&self) -> bool {
        let durations = [&self.base, &self.max_delay, &self.max_retry_after];
        durations.iter().all(|setting| !matches!(setting, Some(Setting::Later(_))))
            && !matches!(self.attempts, Some(Setting::Later(_)))
            && !matches!(self.jitter, Some(Jitter::Later(_)))
    }

    fn budget(&self, scope: &Scope<'_>) -> TokenStream {
        let (krate, budget, handle) =
            (scope.krate, Scope::local("budget"), Scope::local("budget_handle"));
        match &self.budget {
            Budget::OfTheSite => TokenStream::new(),
            Budget::Off => quote! {
                static __RESILIENCE_BUDGET: #krate::RetryBudget = #krate::RetryBudget::unlimited();
            },
            Budget::Handle(expr) => {
                let written = scope.user(expr);
                let reference = quote_spanned!(expr.span()=> &#written);
                match scope.holding(expr) {
                    // A `const` would be a new budget for every call.
                    Holding::Static => {
                        quote!(let #budget: &'static #krate::RetryBudget = #reference;)
                    }
                    Holding::Borrowed => quote!(let #budget: &#krate::RetryBudget = #reference;),
                    Holding::Cloned => quote! {
                        let #handle = #krate::__private::clone_handle(#reference);
                        let #budget: &#krate::RetryBudget = &#handle;
                    },
                }
            }
        }
    }

    // Input:  the call
    // Output: loop {
    //             let wait = match call {
    //                 Err(error) => match retry.judge(error, classify, rules) {
    //                     Ok(wait) => wait,
    //                     Err(error) => break Err(error),
    //                 },
    //                 Ok(value) => { retry.succeeded(budget); break Ok(value) } // below a
    // fallback: break 'degraded Ok(value)             };
    //             wait.pause().await;
    //         }
    pub(crate) fn wrap(
        &self,
        around: &Around<'_>,
        classify: &Ident,
        inner: Fragment,
        scope: &Scope<'_>,
    ) -> Fragment {
        let (krate, site) = (scope.krate, &scope.site);
        let retry = Scope::local("retry");
        let [wait, error, succeeded] = ["wait", "error", "value"].map(Scope::local);
        let policy = self.policy_in_use(scope);
        let budget = match &self.budget {
            Budget::Handle(_) => Scope::local("budget").to_token_stream(),
            Budget::OfTheSite => quote!(#site.budget()),
            Budget::Off => quote!(&__RESILIENCE_BUDGET),
        };
        let mut rules = quote!(#krate::RetryRules::new(#policy, #budget, &#site));
        if let Some(breaker) = &around.breaker_below {
            rules.extend(quote!(.breaker(#breaker)));
        }
        if let Some(total) = around.total {
            rules.extend(quote!(.deadline(&#total)));
        }
        if let Some(attempt) = around.attempt {
            rules.extend(quote!(.attempt(&#attempt)));
        }
        if self.has_key() {
            rules.extend(quote!(.has_key()));
        }
        // Past the fallback, which has no business with a success: one copy of the outcome less.
        let leave = around.is_below_fallback.then(Degrade::label);
        let pause =
            if scope.is_async { quote!(#wait.pause().await;) } else { quote!(#wait.block();) };
        let Fragment { before, code } = inner;
        let call = value(code);
        Fragment {
            before: quote!(let mut #retry = #krate::Attempts::new();),
            code: Code::Value(quote! {
                loop {
                    #before
                    let #wait = match #call {
                        ::core::result::Result::Err(#error) => match #retry.judge(#error, #classify, #rules) {
                            ::core::result::Result::Ok(#wait) => #wait,
                            ::core::result::Result::Err(#error) => break ::core::result::Result::Err(#error),
                        },
                        ::core::result::Result::Ok(#succeeded) => {
                            #retry.succeeded(#budget);
                            break #leave ::core::result::Result::Ok(#succeeded);
                        }
                    };
                    #pause
                }
            }),
        }
    }
}

/// What a retry has to know about the layers around it.
pub(crate) struct Around<'a> {
    pub(crate) is_below_fallback: bool,
    pub(crate) breaker_below: Option<TokenStream>,
    /// The deadline of all attempts together.
    pub(crate) total: Option<&'a Ident>,
    /// The deadline of each attempt.
    pub(crate) attempt: Option<&'a Ident>,
}

/// `let named: Retry = STANDARD;`, so that what is no policy is reported where it is written, and
/// not as methods it lacks.
pub(crate) fn named(policy: &Expr, scope: &Scope<'_>) -> TokenStream {
    let (krate, named) = (scope.krate, Scope::local("named"));
    quote!(let #named: #krate::Retry = #policy;)
}

/// `STANDARD`, `policies::STANDARD`: something that a constant can be made from.
pub(crate) fn is_constant(expr: &Expr, function: &Function) -> bool {
    let Expr::Path(path) = expr else { return false };
    let first = &path.path.segments[0].ident;
    let last = path.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
    path.qself.is_none()
        && first != "Self"
        && !function.declares(first)
        && last.chars().any(char::is_uppercase)
        && !last.chars().any(char::is_lowercase)
}

fn jitter(expr: Expr) -> syn::Result<Jitter> {
    if let Some(Lit::Str(text)) = options::literal(&expr) {
        let named = match &*text.value() {
            "full" => "Full",
            "equal" => "Equal",
            "decorrelated" => "Decorrelated",
            "none" => "None",
            other => {
                return match units::duration(other) {
                    Ok(duration) => Ok(Jitter::UpTo(duration, text.span())),
                    Err(_) => Err(syn::Error::new(
                        text.span(),
                        "`jitter` is a duration such as `\"500ms\"`, or one of `\"full\"`, `\"equal\"`, `\"decorrelated\"`, `\"none\"`",
                    )),
                };
            }
        };
        return Ok(Jitter::Named(named));
    }
    match options::literal(&expr) {
        Some(_) => options::duration(expr).map(|_| Jitter::Named("Standard")),
        None => Ok(Jitter::Later(expr)),
    }
}

fn repeat(arguments: &mut Arguments, errors: &mut Errors) -> Option<Repeat> {
    let mut found: Option<(Repeat, Ident)> = None;
    for key in ["idempotent", "non_idempotent", "idempotency_key"] {
        let Some(option) = arguments.take(key) else { continue };
        let repeat = match (key, option.value) {
            ("idempotent", _) => Repeat::Idempotent,
            ("non_idempotent", _) => Repeat::NonIdempotent,
            (_, Value::Expr(expr)) => Repeat::Key(Some(*expr)),
            _ => Repeat::Key(None),
        };
        if let Some((_, earlier)) = &found {
            errors.on(&option.key, format!("`{}` contradicts `{earlier}`; keep one", option.key));
        } else {
            found = Some((repeat, option.key));
        }
    }
    found.map(|(repeat, _)| repeat)
}

fn budget(option: Option<Opt>, errors: &mut Errors) -> Budget {
    let Some(Value::Expr(expr)) = option.map(|option| option.value) else {
        return Budget::OfTheSite;
    };
    match options::literal(&expr) {
        Some(Lit::Str(text)) if text.value() == "off" => return Budget::Off,
        Some(other) => errors.on(
            other,
            "`budget` is a `RetryBudget`, named by its path, or `\"off\"`; write `budget = BUDGET`, where `static BUDGET: RetryBudget = RetryBudget::standard();`",
        ),
        None if makes_a_new(&expr, "RetryBudget") => errors.on(
            &expr,
            "this makes a new budget for every call, which never runs out; put it in a `static` and name that, as in `budget = BUDGET`",
        ),
        None => {}
    }
    Budget::Handle(*expr)
}
