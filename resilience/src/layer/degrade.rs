use std::any::type_name;
use std::fmt::Display;

use crate::layer::classified::Classified;
use crate::layer::events;
use crate::layer::site::Site;
use crate::{Category, Classification};

/// When a fallback may stand in for an error: what `#[degrade]` asks.
///
/// ```
/// use resilience::{Classify, Degrade, errors::{MissingConfig, NotFound, ServiceUnavailable}};
///
/// let down = ServiceUnavailable::new("inventory").classify();
/// let absent = NotFound::new("item", "42").classify();
/// let broken = MissingConfig::new("INVENTORY_URL").classify();
///
/// assert!(Degrade::Critical.applies_to(&down));
/// assert!(!Degrade::Critical.applies_to(&absent), "an answer is not an outage");
/// assert!(Degrade::NonCritical.applies_to(&absent));
/// assert!(!Degrade::NonCritical.applies_to(&broken), "a fatal error is never hidden");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Degrade {
    /// For transient and partial errors, and for what a layer rejected.
    Critical,
    /// For everything but fatal errors: a dependency that the caller can do without.
    NonCritical,
}

impl Degrade {
    /// Whether the fallback stands in for such an error.
    pub const fn applies_to(self, error: &Classification) -> bool {
        match (error.category(), self) {
            (Some(Category::Fatal), _) => false,
            (_, Self::NonCritical) | (Some(Category::Transient | Category::Partial), _) => true,
            (_, Self::Critical) => error.rejected().is_some(),
        }
    }

    /// The same, and says so: `graceful_degradation_activated`, with the fallback's source text.
    /// `classify` answers with a [`Classification`].
    pub fn activate<E: Display, C: Into<Classified<E>>>(
        self,
        error: &E,
        classify: impl FnOnce(&E) -> C,
        fallback: &'static str,
        site: &Site,
    ) -> bool {
        let told = site.classify(error, classify);
        let applies = self.applies_to(&told.class);
        if applies {
            events::degraded(site, &told.shown(error), type_name::<E>(), &told.class, fallback);
            #[cfg(feature = "boundary")]
            crate::observe::alert::degraded(site.service(), &told.class);
        }
        applies
    }

    /// Settles the call with the fallback's outcome: its value, or, if it failed too, the error it
    /// stood in for. `classify` answers with a [`Classification`].
    ///
    /// # Errors
    /// `error`, if the fallback failed; its own failure is logged as `degradation_failed`.
    pub fn settle<T, E: Display, C: Into<Classified<E>>>(
        fallback_outcome: Result<T, E>,
        error: E,
        classify: impl FnOnce(&E) -> C,
        fallback: &'static str,
        site: &Site,
    ) -> Result<T, E> {
        fallback_outcome.map_err(|fallback_error| {
            events::degradation_failed(
                site,
                &classify(&fallback_error).into().shown(&fallback_error),
                fallback,
            );
            error
        })
    }
}
