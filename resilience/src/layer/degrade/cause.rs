use std::any::type_name;
use std::fmt::Display;

use super::{Degrade, Source};
use crate::layer::classified::Classified;
use crate::layer::site::Site;
use crate::layer::{context, events};

/// Why a call isn't answered by its callee, where a stale value or a fallback may answer.
#[derive(Debug)]
pub struct Cause<E> {
    /// `None` if a flag is off.
    error: Option<Classified<E>>,
    #[cfg(feature = "boundary")]
    alert_above: Option<crate::observe::alert::Rate>,
}

/// The code of [`Rejected::SwitchedOff`](crate::Rejected::SwitchedOff).
const SWITCHED_OFF: &str = "SWITCHED_OFF";

impl<E: Display> Cause<E> {
    /// `None` if the error is to be returned.
    pub(crate) fn of<C: Into<Classified<E>>>(
        policy: Degrade,
        error: &E,
        classify: impl FnOnce(&E) -> C,
        site: &Site,
    ) -> Option<Self> {
        let classified = site.classify(error, classify);
        policy.applies_to(&classified.class).then(|| {
            context::forget_given_up();
            Self::new(Some(classified))
        })
    }

    pub(crate) fn switched_off() -> Self {
        Self::new(None)
    }

    fn new(error: Option<Classified<E>>) -> Self {
        Self {
            error,
            #[cfg(feature = "boundary")]
            alert_above: None,
        }
    }

    /// Raises an alert at this rate, and none by the error's classification.
    #[cfg(feature = "boundary")]
    #[must_use]
    pub fn alert_above(mut self, count: u32, window: std::time::Duration) -> Self {
        self.alert_above = Some(crate::observe::alert::Rate { count, window });
        self
    }

    /// The code of the error.
    pub(crate) fn code(&self) -> &'static str {
        self.error.as_ref().map_or(SWITCHED_OFF, |error| error.class.code())
    }

    /// Logs that something else answers than the callee. Nothing if a flag is off: then its change
    /// has been logged.
    pub(crate) fn activated(
        &self,
        error: &E,
        fallback: Option<&'static str>,
        source: Source,
        site: &Site,
    ) {
        let Some(classified) = &self.error else {
            count(site, self.code(), source);
            return;
        };
        events::degraded(
            site,
            &classified.redacted(error),
            type_name::<E>(),
            &classified.class,
            fallback,
            source.as_str(),
            source.age(),
        );
        #[cfg(feature = "boundary")]
        match self.alert_above {
            Some(rate) => classified.count_rate(error, site.service(), rate),
            None => classified.count_fallback(error, site.service()),
        }
    }
}

/// Counts an answer for which there is no event.
#[cfg_attr(
    not(feature = "metrics"),
    allow(clippy::missing_const_for_fn, reason = "it does nothing")
)]
pub(super) fn count(site: &Site, code: &'static str, source: Source) {
    let _ = (site, code, source);
    metric!(degraded(site.labels(), code, source.as_str()));
}
