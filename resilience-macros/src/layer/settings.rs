//! The settings of a retry loop, which `#[retry]` and `#[transaction]` share.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};

use super::Scope;
use super::defaults::Delays;
use crate::diagnostics::Errors;
use crate::options::{Arguments, Setting};
use crate::units;

/// `attempts`, `base` and `max_delay`.
pub(super) struct RetrySettings {
    attempts: Option<Setting<u32>>,
    base: Option<Setting<Duration>>,
    max_delay: Option<Setting<Duration>>,
}

/// A known duration, and a suffix that says where it comes from.
pub(super) type Known = (Duration, &'static str);

impl RetrySettings {
    /// `one` describes what a single attempt means.
    pub(super) fn parse(arguments: &mut Arguments, one: &str, errors: &mut Errors) -> Self {
        let one = format!("; `attempts = 1` means {one}");
        Self {
            attempts: arguments.number("attempts", 1..=u32::MAX, &one, errors),
            base: arguments.duration("base", errors),
            max_delay: arguments.duration("max_delay", errors),
        }
    }

    /// Rejects a `base` that is longer than `max_delay`. There are no `defaults` with a policy,
    /// whose values aren't known here.
    pub(super) fn check(&self, defaults: Option<Delays>, errors: &mut Errors) {
        let base = known(self.base.as_ref(), defaults.map(|defaults| defaults.base));
        let (Some((base, how)), Some((max, max_how))) = (base, self.max_delay(defaults)) else {
            return;
        };
        let given = self.base.as_ref().or(self.max_delay.as_ref());
        if let (true, Some(Setting::Literal(_, span))) = (base > max, given) {
            errors.at(
                *span,
                format!(
                    "`base` is {}{how} and `max_delay` is {}{max_how}; `base` must not be longer \
                     than `max_delay`",
                    units::show(base),
                    units::show(max)
                ),
            );
        }
    }

    /// The first delay without its jitter, if it is known and there is one, and where it is set.
    pub(super) fn first_delay(&self, defaults: Option<Delays>) -> Option<(Duration, Option<Span>)> {
        let (base, _) = known(self.base.as_ref(), defaults.map(|defaults| defaults.base))?;
        let (max, _) = self.max_delay(defaults)?;
        let span = match self.base {
            Some(Setting::Literal(_, span)) => Some(span),
            _ => None,
        };
        let repeats = self.attempts.as_ref().is_none_or(|attempts| attempts.literal() != Some(1));
        repeats.then_some((base.min(max), span))
    }

    /// The longest delay, if it is known.
    pub(super) fn max_delay(&self, defaults: Option<Delays>) -> Option<Known> {
        known(self.max_delay.as_ref(), defaults.map(|defaults| defaults.max_delay))
    }

    /// Whether all values are known at compile time.
    pub(super) fn is_literal(&self) -> bool {
        let durations = [&self.base, &self.max_delay];
        self.attempts.as_ref().is_none_or(|attempts| attempts.expr().is_none())
            && durations.into_iter().flatten().all(|duration| duration.expr().is_none())
    }

    /// One method call for each setting.
    pub(super) fn steps(&self, scope: &Scope<'_>) -> Vec<TokenStream> {
        [
            step("attempts", self.attempts.as_ref(), scope),
            step("base", self.base.as_ref(), scope),
            step("max_delay", self.max_delay.as_ref(), scope),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// `.base(…)`
pub(super) fn step(
    name: &str,
    value: Option<impl ToTokens>,
    scope: &Scope<'_>,
) -> Option<TokenStream> {
    let (name, value) = (Ident::new(name, Span::mixed_site()), scope.user(value?));
    Some(quote!(.#name(#value)))
}

/// A policy that is built for one call, with its settings clamped.
pub(super) fn clamped(
    start: &TokenStream,
    steps: &[TokenStream],
    scope: &Scope<'_>,
) -> TokenStream {
    let (runtime, site) = (scope.runtime, &scope.site);
    quote!(&#runtime::clamp::Policy::new(#start, &#site)#(#steps)*.done())
}

fn known(setting: Option<&Setting<Duration>>, default: Option<Duration>) -> Option<Known> {
    match setting {
        None => default.map(|default| (default, " by default")),
        Some(setting) => setting.literal().map(|known| (known, "")),
    }
}
