use std::any::type_name;
use std::fmt::Display;

use super::Causes;
use crate::Classification;
use crate::layer::classified::Classified;
use crate::layer::site::Site;
use crate::layer::{context, events};

/// Decides which errors `#[degrade]` replaces with the fallback.
///
/// ```
/// use resilience::{Classify, Degrade, errors::{MissingConfig, NotFound, ServiceUnavailable}};
///
/// let down = ServiceUnavailable::new("inventory").classify();
/// let absent = NotFound::new("item", "42").classify();
/// let broken = MissingConfig::new("INVENTORY_URL").classify();
///
/// assert!(Degrade::Critical.applies_to(&down));
/// assert!(!Degrade::Critical.applies_to(&absent), "a definite answer is not an outage");
/// assert!(Degrade::NonCritical.applies_to(&absent));
/// assert!(!Degrade::NonCritical.applies_to(&broken), "a fatal error is never hidden");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Degrade {
    /// Use the fallback for transient and partial errors, and for calls rejected by a layer.
    Critical,
    /// Use the fallback for all errors except fatal ones, if the caller can do without the
    /// dependency.
    NonCritical,
    /// Use the fallback for these errors.
    On(Causes),
}

impl Degrade {
    /// Whether the fallback replaces this error.
    pub const fn applies_to(self, error: &Classification) -> bool {
        match self {
            Self::Critical => Causes::NONE.transient().partial().rejected(),
            Self::NonCritical => Causes::NONE.transient().partial().permanent().unclassified(),
            Self::On(causes) => causes,
        }
        .include(error)
    }

    /// Like [`applies_to`](Self::applies_to), and logs `graceful_degradation_activated` with the
    /// fallback's source text if it applies. `classify` returns a [`Classification`].
    pub fn activate<E: Display, C: Into<Classified<E>>>(
        self,
        error: &E,
        classify: impl FnOnce(&E) -> C,
        fallback: &'static str,
        site: &Site,
    ) -> bool {
        let classified = site.classify(error, classify);
        let applies = self.applies_to(&classified.class);
        if applies {
            context::forget_given_up();
            events::degraded(
                site,
                &classified.redacted(error),
                type_name::<E>(),
                &classified.class,
                Some(fallback),
                "default",
                None,
            );
            #[cfg(feature = "boundary")]
            classified.count_fallback(error, site.service());
        }
        applies
    }

    /// Returns the fallback's value, or the original error if the fallback failed too. `classify`
    /// returns a [`Classification`].
    ///
    /// # Errors
    /// Returns `error` if the fallback failed. The fallback's own error is logged as
    /// `degradation_failed`.
    pub fn settle<T, E: Display, C: Into<Classified<E>>>(
        fallback_outcome: Result<T, E>,
        error: E,
        classify: impl FnOnce(&E) -> C,
        fallback: &'static str,
        site: &Site,
    ) -> Result<T, E> {
        fallback_outcome.map_err(|fallback_error| {
            Self::fallback_failed(&fallback_error, classify, fallback, site);
            error
        })
    }

    pub(crate) fn fallback_failed<E: Display, C: Into<Classified<E>>>(
        error: &E,
        classify: impl FnOnce(&E) -> C,
        fallback: &'static str,
        site: &Site,
    ) {
        events::degradation_failed(site, &classify(error).into().redacted(error), fallback);
    }
}
