use std::time::Duration;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Lit};

use super::condition;
use super::degrade::Degrade;
use super::handle::makes_a_new;
use super::scope::Visible;
use super::settings::{RetrySettings, clamped, step};
use super::{
    Around, CircuitBreaker, Code, Fragment, Layer, Place, Properties, Scope, Timeout, defaults,
};
use crate::diagnostics::Errors;
use crate::options::{self, Arguments, Grammar, Opt, Setting, Value, foreign, reject_constant};
use crate::steps::goes_on_unseen;
use crate::tokens::located;
use crate::units;

pub(super) const GRAMMAR: Grammar = Grammar {
    attribute: "#[retry]",
    keys: &[
        "attempts",
        "base",
        "max_delay",
        "jitter",
        "max_retry_after",
        "idempotency_key",
        "budget",
        "when",
        "retry_ok",
    ],
    flags: &[
        "idempotent",
        "non_idempotent",
        "idempotency_key",
        "external_timeout",
        "repeat_inner",
        "blocking",
    ],
    lists: &["clone"],
    foreign: foreign::RETRY,
    foreign_by_words: foreign::RETRY_BY_WORDS,
};

#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub(crate) struct Retry {
    pub(crate) span: Span,
    policy: Option<Expr>,
    settings: RetrySettings,
    jitter: Option<Jitter>,
    max_retry_after: Option<Setting<Duration>>,
    repeat: Option<Repeat>,
    budget: Budget,
    when: Option<Condition>,
    not_yet: Option<Condition>,
    pub(crate) external_timeout: bool,
    /// Whether a function that isn't async may block its thread.
    pub(crate) blocking: bool,
    repeat_inner: bool,
    /// Whether the attribute stands on an `impl` block.
    pub(crate) is_of_block: bool,
}

/// `key = |…| …`
struct Condition {
    key: Ident,
    expr: Expr,
}

enum Jitter {
    Named(&'static str),
    UpTo(Duration, Span),
    Expr(Expr),
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

impl Layer for Retry {
    fn parse(arguments: &mut Arguments, place: &Place<'_>, errors: &mut Errors) -> Option<Self> {
        let policy =
            arguments.only_positional("`#[retry]` takes only one policy; remove this one", errors);
        if let Some(Expr::Lit(literal)) = &policy {
            errors.on(
                literal,
                format!("the option must be named: `attempts = {}`", literal.to_token_stream()),
            );
        }
        let blocking = arguments.flag("blocking");
        if let Some(flag) = blocking.as_ref().filter(|_| place.function.is_async()) {
            errors
                .on(flag, "an async function waits without blocking its thread; remove `blocking`");
        }
        let retry = Self {
            span: place.span,
            policy,
            settings: RetrySettings::parse(arguments, "no retry", errors),
            jitter: arguments.expr("jitter", errors).and_then(|expr| errors.take(jitter(expr))),
            max_retry_after: arguments.duration("max_retry_after", errors),
            repeat: repeat(arguments, errors),
            budget: budget(arguments.take("budget"), errors),
            when: condition(arguments.take("when"), "error", errors),
            not_yet: condition(arguments.take("retry_ok"), "value", errors),
            external_timeout: arguments.flag("external_timeout").is_some(),
            blocking: blocking.is_some(),
            repeat_inner: arguments.flag("repeat_inner").is_some(),
            is_of_block: place.block.is_some(),
        };
        if let Some(Repeat::Key(Some(key))) = &retry.repeat {
            let names = place.function.argument_names();
            let otherwise = "write `idempotency_key` alone, so that each call gets one of its own";
            reject_constant("idempotency_key", key, &names, otherwise, errors);
        }
        retry.check(errors);
        Some(retry)
    }

    fn needs_async(_: &Ident) -> Option<String> {
        None
    }

    fn not_on_impl() -> Option<&'static str> {
        None
    }

    fn properties(&self) -> Properties {
        Properties { reuses_arguments: true, rejects: false, classifies: true }
    }

    fn setup(&self, scope: &Scope<'_>) -> TokenStream {
        let (policy, budget, key) = (self.policy(scope), self.budget(scope), self.key(scope));
        quote!(#policy #budget #key)
    }

    /// Marks an attempt whose later step may fail in a way that says nothing of the earlier ones. In
    /// the body, because until that begins, nothing was sent.
    fn start_of_body(&self, scope: &Scope<'_>) -> TokenStream {
        let (runtime, retry) = (scope.runtime, Self::local());
        let goes_on =
            self.may_be_non_idempotent() && scope.is_async() && goes_on_unseen(&scope.body());
        if goes_on { quote!(#runtime::has_several_steps(&#retry);) } else { TokenStream::new() }
    }

    // Input:  the body with a timeout
    // Output: loop {
    //             match timed(waiting(&retry), &deadline_0, || &SITE, body, reject).await {
    //                 Err(error) => match judge::<E>(&mut retry, error, rules) {
    //                     Ok(_) => {}
    //                     Err(error) => break Err(error),
    //                 },
    //                 Ok(value) => { retry_succeeded(&retry, budget, &SITE); break Ok(value) }
    //             }
    //         }
    //
    // Around anything else, the loop itself waits:
    // Output: loop {
    //             let wait = match call { Err(error) => match judge(…) { Ok(wait) => wait, … }, … };
    //             wait.pause().await;
    //         }
    //
    // With `retry_ok = …`, before the last arm:
    // Output: Ok(value) if satisfies(&value, retry_ok) => match retry.judge_value(rules) {
    //             Some(wait) => wait,
    //             None => break Ok(value),
    //         },
    //
    // Directly below a fallback, the loop yields the error, and a success breaks out of the
    // fallback: `break 'degraded Ok(value)`.
    fn wrap(&self, around: &Around<'_>, inner: Fragment, scope: &Scope<'_>) -> Fragment {
        let (runtime, site) = (scope.runtime, &scope.site);
        let retry = Self::local();
        let [wait, error, succeeded] = ["wait", "error", "value"].map(Scope::local);
        let policy = self.policy_in_use(scope);
        let budget = match &self.budget {
            Budget::Handle(_) => Self::budget_local().to_token_stream(),
            Budget::OfTheSite if self.is_of_block => quote!(&__RESILIENCE_BUDGET_OF_BLOCK),
            Budget::OfTheSite => quote!(#runtime::Site::budget(&#site)),
            Budget::Off => quote!(&__RESILIENCE_BUDGET),
        };
        let rules = self.rules(around, &policy, &budget, scope);
        let judge = match &self.when {
            None => scope.classifying("judge", &quote!(&mut #retry, #error, #rules)),
            Some(when) => {
                let when = scope.user(&when.expr);
                scope.classifying("judge_when", &quote!(&mut #retry, #error, #rules, #when))
            }
        };
        let success = self.on_success(&quote!(&#retry, #budget, &#site), &policy);
        let Fragment { before, mut code } = inner;
        let waits = match &mut code {
            Code::Attempt(attempt) => attempt.wait_first(),
            Code::Value(_) | Code::Failure(_) => false,
        };
        let call = code.into_value(scope);
        // A success skips the fallback, which saves a copy of the outcome.
        let leave = around
            .above::<Degrade>()
            .filter(|_| around.is_directly_below::<Degrade>())
            .and_then(|(_, degrade)| degrade.left_by_successes());
        let failure = if leave.is_some() { quote!(#error) } else { quote!(#runtime::Err(#error)) };
        let (keep, pattern, value, pause) = if waits {
            (None, quote!(_), quote!({}), None)
        } else {
            // After the match, so that nothing that is matched on lives across the `.await`.
            let pause = if scope.is_async() {
                quote!(#wait.pause().await)
            } else if self.blocking {
                quote!(#wait.block())
            } else {
                quote!(#runtime::block(#wait, &#site))
            };
            let keep = quote!(let #wait =);
            (Some(keep), quote!(#wait), quote!(#wait), Some(quote!(; #pause;)))
        };
        // A value that means "not yet". When it is given up, it is the result.
        let not_yet = self.not_yet.as_ref().map(|retry_ok| {
            // A function of another type is reported where it is written.
            let satisfies = located(quote!(#runtime::satisfies), retry_ok.expr.span());
            let retry_ok = scope.user(&retry_ok.expr);
            quote! {
                #runtime::Ok(#succeeded) if #satisfies(&#succeeded, #retry_ok) => {
                    match #runtime::Attempts::judge_value(&mut #retry, #rules) {
                        #runtime::Some(#pattern) => #value,
                        #runtime::None => break #leave #runtime::Ok(#succeeded),
                    }
                }
            }
        });
        // Errors about what the loop moves name this attribute.
        let span = Span::mixed_site().located_at(self.span);
        let repeat = Ident::new("loop", span);
        let mut body = Group::new(
            Delimiter::Brace,
            quote! {
                #before
                #keep match #call {
                    #runtime::Err(#error) => match #judge {
                        #runtime::Ok(#pattern) => #value,
                        #runtime::Err(#error) => break #failure,
                    },
                    #not_yet
                    #runtime::Ok(#succeeded) => {
                        #runtime::#success;
                        break #leave #runtime::Ok(#succeeded);
                    }
                }
                #pause
            },
        );
        body.set_span(span);
        let code = quote!(#repeat #body);
        Fragment {
            before: quote!(let mut #retry = #runtime::Attempts::new();),
            code: if leave.is_some() { Code::Failure(code) } else { Code::Value(code) },
        }
    }
}

impl Retry {
    /// What decides about a retry: the policy, and the layers around the attempt.
    fn rules(
        &self,
        around: &Around<'_>,
        policy: &TokenStream,
        budget: &TokenStream,
        scope: &Scope<'_>,
    ) -> TokenStream {
        let (runtime, site) = (scope.runtime, &scope.site);
        let guard = around.below::<CircuitBreaker>().map(|(_, breaker)| breaker);
        let breaker = scope.option(guard.and_then(CircuitBreaker::in_use));
        let [total, attempt] = [around.above::<Timeout>(), around.below::<Timeout>()]
            .map(|timeout| timeout.map(|(_, timeout)| timeout.deadline()))
            .map(|deadline| scope.option(deadline.map(|deadline| quote!(&#deadline))));
        let has_key = self.has_key();
        let rules = quote! {
            #runtime::rules(
                #policy, #budget, &#site, #breaker, #total, #attempt, #has_key
            )
        };
        match guard {
            Some(guard) => guard.rules_of_key(rules, runtime),
            None => rules,
        }
    }

    /// The call that reports a success.
    fn on_success(&self, arguments: &TokenStream, policy: &TokenStream) -> TokenStream {
        match (&self.repeat, &self.policy) {
            (Some(Repeat::NonIdempotent | Repeat::Key(_)), _) => {
                quote!(retry_succeeded_once(#arguments))
            }
            (None, Some(_)) => quote!(retry_succeeded_under(#arguments, #policy)),
            (Some(Repeat::Idempotent), _) | (None, None) => quote!(retry_succeeded(#arguments)),
        }
    }

    /// The budget that the methods of an `impl` block share, if the attribute names none.
    pub(crate) fn static_of_block(&self, runtime: &TokenStream) -> Option<TokenStream> {
        matches!(self.budget, Budget::OfTheSite).then(|| {
            quote! {
                static __RESILIENCE_BUDGET_OF_BLOCK: #runtime::RetryBudget = #runtime::RetryBudget::standard();
            }
        })
    }

    /// Rejects settings that contradict each other.
    fn check(&self, errors: &mut Errors) {
        // A named policy may have any values.
        let defaults = self.policy.is_none().then_some(defaults::RETRY);
        self.settings.check(defaults, errors);
        if let (Some(retry_ok), Some(Repeat::NonIdempotent)) = (&self.not_yet, &self.repeat) {
            errors.on(
                &retry_ok.key,
                "a `non_idempotent` call that returns a value is never repeated; write \
                 `idempotent` or `idempotency_key` for `retry_ok`",
            );
        }
        let (Some(Jitter::UpTo(jitter, span)), Some((max, how))) =
            (&self.jitter, self.settings.max_delay(defaults))
        else {
            return;
        };
        if *jitter > max {
            errors.at(
                *span,
                format!(
                    "`jitter` is {} and `max_delay` is {}{how}; `jitter` must not be longer than \
                     `max_delay`",
                    units::show(*jitter),
                    units::show(max)
                ),
            );
        }
    }

    /// The least that the first delay can be, and where it is set.
    pub(crate) fn first_delay(&self) -> Option<(Duration, Option<Span>)> {
        let defaults = self.policy.is_none().then_some(defaults::RETRY);
        let (base, span) = self.settings.first_delay(defaults)?;
        let (max, _) = self.settings.max_delay(defaults)?;
        let least = match &self.jitter {
            None if self.policy.is_some() => return None,
            None => base.min(max.saturating_sub(base.min(max.saturating_sub(base).max(max / 10)))),
            Some(Jitter::UpTo(jitter, _)) => base.min(max.saturating_sub(*jitter)),
            Some(Jitter::Named("None" | "Decorrelated")) => base,
            Some(Jitter::Named("Equal")) => base / 2,
            Some(Jitter::Named(_) | Jitter::Expr(_)) => return None,
        };
        Some((least, span))
    }

    /// Whether the attribute itself says if the operation is safe to repeat. `Err` is the policy
    /// that decides instead.
    pub(crate) fn says_whether_to_repeat(&self) -> Result<bool, &Expr> {
        match (&self.repeat, &self.policy) {
            (Some(_), _) => Ok(true),
            (None, None) => Ok(false),
            (None, Some(policy)) => Err(policy),
        }
    }

    /// `let key = …;`, the same for every attempt.
    fn key(&self, scope: &Scope<'_>) -> Option<TokenStream> {
        let Some(Repeat::Key(given)) = &self.repeat else { return None };
        let (runtime, key, given_text) = (scope.runtime, Self::key_local(), Scope::local("given"));
        Some(match given {
            None => quote!(let #key = #runtime::Key::generate();),
            Some(expr) => {
                // Reports a value without `Display` where it is written.
                let span = expr.span();
                let expr = scope.user(expr);
                let shown = quote_spanned!(span=> #runtime::ToString::to_string(&#expr));
                quote! {
                    let #given_text = #shown;
                    let #key = #runtime::Key::Given(&#given_text);
                }
            }
        })
    }

    fn has_key(&self) -> bool {
        matches!(self.repeat, Some(Repeat::Key(_)))
    }

    fn may_be_non_idempotent(&self) -> bool {
        match self.repeat {
            Some(Repeat::NonIdempotent) => true,
            Some(Repeat::Idempotent | Repeat::Key(_)) => false,
            None => self.policy.is_some(),
        }
    }

    /// What the body of an attempt can query.
    pub(crate) fn visible(&self) -> Visible {
        Visible { retry: Self::local(), key: self.has_key().then(Self::key_local) }
    }

    /// The policy, if it is constant. Written where it is used, it takes no space in the future.
    fn constant_policy(&self, scope: &Scope<'_>) -> Option<TokenStream> {
        let is_constant = self.policy.as_ref().is_none_or(|policy| scope.is_constant(policy));
        if !is_constant || !self.is_literal() {
            return None;
        }
        let (runtime, repeat, steps) = (scope.runtime, self.repeat_step(), self.steps(scope));
        let (named, start) = match &self.policy {
            Some(policy) => {
                let (named, statement) = named(policy, scope);
                (Some(statement), named.to_token_stream())
            }
            None => (None, quote!(#runtime::Retry::new())),
        };
        Some(quote!(&const { #named #start #(#steps)* #repeat.checked() }))
    }

    /// The policy, after `setup`.
    pub(super) fn policy_in_use(&self, scope: &Scope<'_>) -> TokenStream {
        self.constant_policy(scope).unwrap_or_else(|| Self::policy_local().to_token_stream())
    }

    fn repeat_step(&self) -> TokenStream {
        let repeat = match self.repeat {
            Some(Repeat::Idempotent | Repeat::Key(_)) => quote!(.idempotent()),
            Some(Repeat::NonIdempotent) => quote!(.non_idempotent()),
            None => quote!(),
        };
        let inner = self.repeat_inner.then(|| quote!(.repeat_inner()));
        quote!(#repeat #inner)
    }

    fn policy(&self, scope: &Scope<'_>) -> TokenStream {
        if self.constant_policy(scope).is_some() {
            return TokenStream::new();
        }
        let (runtime, policy, repeat) = (scope.runtime, Self::policy_local(), self.repeat_step());
        let start = self
            .policy
            .as_ref()
            .map_or_else(|| quote!(#runtime::Retry::new()), |named| scope.user(named));
        let clamped = clamped(&policy.to_token_stream(), &self.steps(scope), scope);
        quote! {
            let #policy: #runtime::Retry = #start;
            let #policy = #clamped #repeat;
        }
    }

    /// One method call for each setting.
    fn steps(&self, scope: &Scope<'_>) -> Vec<TokenStream> {
        let runtime = scope.runtime;
        let jitter = self.jitter.as_ref().map(|jitter| match jitter {
            Jitter::Named(name) => {
                let name = Ident::new(name, Span::mixed_site());
                quote!(#runtime::Jitter::#name)
            }
            Jitter::UpTo(duration, span) => {
                let duration = Setting::Literal(*duration, *span);
                quote!(#runtime::Jitter::UpTo(#duration))
            }
            Jitter::Expr(expr) => expr.to_token_stream(),
        });
        let mut steps = self.settings.steps(scope);
        steps.extend(step("max_retry_after", self.max_retry_after.as_ref(), scope));
        steps.extend(step("jitter", jitter, scope));
        steps
    }

    /// Whether all values are known at compile time.
    fn is_literal(&self) -> bool {
        self.settings.is_literal()
            && self.max_retry_after.as_ref().is_none_or(|longest| longest.expr().is_none())
            && !matches!(self.jitter, Some(Jitter::Expr(_)))
    }

    fn budget(&self, scope: &Scope<'_>) -> TokenStream {
        let runtime = scope.runtime;
        match &self.budget {
            Budget::OfTheSite => TokenStream::new(),
            Budget::Off => quote! {
                static __RESILIENCE_BUDGET: #runtime::RetryBudget = #runtime::RetryBudget::unlimited();
            },
            Budget::Handle(expr) => scope.hold(expr, "budget", &Self::budget_local()),
        }
    }

    /// The local that holds the loop's state.
    fn local() -> Ident {
        Scope::local("retry")
    }

    fn policy_local() -> Ident {
        Scope::local("policy")
    }

    fn budget_local() -> Ident {
        Scope::local("budget")
    }

    fn key_local() -> Ident {
        Scope::local("key")
    }
}

/// `let named: Retry = STANDARD;`, and the local's name. It reports a wrong type where the policy
/// is written, and not as a missing method.
pub(crate) fn named(policy: &Expr, scope: &Scope<'_>) -> (Ident, TokenStream) {
    let (runtime, named) = (scope.runtime, Scope::local("named"));
    let statement = quote!(let #named: #runtime::Retry = #policy;);
    (named, statement)
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
                        "`jitter` must be a duration such as `\"500ms\"`, or one of `\"full\"`, \
                         `\"equal\"`, `\"decorrelated\"`, `\"none\"`",
                    )),
                };
            }
        };
        return Ok(Jitter::Named(named));
    }
    match options::literal(&expr) {
        Some(Lit::Bool(on)) => {
            let (name, what) = if on.value { ("full", "all") } else { ("none", "none") };
            let message = format!(
                "`jitter` says how much of a delay is random; write `jitter = \"{name}\"` for {what} \
                 of it"
            );
            Err(syn::Error::new(on.span(), message))
        }
        Some(_) => options::duration(expr).map(|_| Jitter::Named("Standard")),
        None => Ok(Jitter::Expr(expr)),
    }
}

/// A function or closure `&T -> bool`.
fn condition(option: Option<Opt>, argument: &str, errors: &mut Errors) -> Option<Condition> {
    let option = option?;
    let key = option.key.clone();
    let expr = errors.take(option.expr())?;
    condition::check(&key, &expr, argument, errors);
    Some(Condition { key, expr })
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
            errors
                .on(&option.key, format!("`{}` conflicts with `{earlier}`; keep one", option.key));
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
        Some(Lit::Bool(on)) if !on.value => {
            errors.on(on, "`budget` takes no `false`; write `budget = \"off\"` for no budget");
        }
        Some(other) => errors.on(
            other,
            "`budget` takes the path of a `RetryBudget`, or `\"off\"`; write `budget = BUDGET` \
             with `static BUDGET: RetryBudget = RetryBudget::standard();`",
        ),
        None if makes_a_new(&expr, "RetryBudget") => errors.on(
            &expr,
            "this creates a new budget for every call, so it never runs out; store it in a \
             `static` and pass that: `budget = BUDGET`",
        ),
        None if means_off(&expr) => {
            errors.on(&expr, "write `budget = \"off\"` for no budget");
        }
        None => {}
    }
    Budget::Handle(*expr)
}

/// A word that people write for "without a budget".
fn means_off(expr: &Expr) -> bool {
    let Expr::Path(path) = expr else { return false };
    ["none", "None", "off", "disabled"].iter().any(|word| path.path.is_ident(word))
}
