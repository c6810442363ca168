use super::{Text, define::ready_made};
use crate::Classification;

ready_made! {
    /// A cache has no value for a key. Partial, `CACHE_MISS`, 500.
    ///
    /// ```
    /// use resilience::{Category, Classify, errors::CacheMiss};
    ///
    /// assert_eq!(CacheMiss::new("stock:7").classify().category(), Some(Category::Partial));
    /// ```
    CacheMiss(
        /// The key that was looked up.
        key: impl Into<Text> => Text
    ),
    "cache miss for {key}",
    |_| Classification::partial("CACHE_MISS")
}

ready_made! {
    /// A service that isn't essential failed. Partial, `NON_CRITICAL_FAILURE`, 500.
    ///
    /// ```
    /// use resilience::{Category, Classify, errors::NonCriticalFailure};
    ///
    /// let error = NonCriticalFailure::new("recommendations", "the model is loading");
    /// assert_eq!(error.to_string(), "non-critical service recommendations failed: the model is loading");
    /// assert_eq!(error.classify().category(), Some(Category::Partial));
    /// ```
    NonCriticalFailure(
        /// The service that failed.
        service: impl Into<Text> => Text,
        /// Why it failed.
        reason: impl Into<Text> => Text
    ),
    "non-critical service {service} failed: {reason}",
    |_| Classification::partial("NON_CRITICAL_FAILURE")
}

ready_made! {
    /// A required setting is missing. Fatal, `MISSING_CONFIG`, 500.
    ///
    /// ```
    /// use resilience::{Category, Classify, errors::MissingConfig};
    ///
    /// assert_eq!(MissingConfig::new("DATABASE_URL").classify().category(), Some(Category::Fatal));
    /// ```
    MissingConfig(
        /// The name of the setting.
        key: impl Into<Text> => Text
    ),
    "required config missing: {key}",
    |_| Classification::fatal("MISSING_CONFIG")
}

ready_made! {
    /// The process can no longer trust its own state. Fatal, `CORRUPT_STATE`, 500.
    ///
    /// ```
    /// use resilience::{Category, Classify, errors::CorruptState};
    ///
    /// assert_eq!(CorruptState::new("negative balance").classify().category(), Some(Category::Fatal));
    /// ```
    CorruptState(
        /// What is wrong with the state.
        detail: impl Into<Text> => Text
    ),
    "corrupt state detected: {detail}",
    |_| Classification::fatal("CORRUPT_STATE")
}
