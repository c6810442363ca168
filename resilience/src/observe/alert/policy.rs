use std::time::Duration;

/// Thresholds for the process: when an alert begins and when it ends.
///
/// | alert | begins | default | ends |
/// |---|---|---|---|
/// | [`WhenRepeated`](crate::Alert::WhenRepeated) | after this many failures in a row, without a success of the operation in between | 5 | on the operation's next success, or after a quiet period |
/// | [`WhenFrequent`](crate::Alert::WhenFrequent), [`LowPriority`](crate::Alert::LowPriority) | after more than this many failures within a window | 10 within 60 s | after a quiet period |
/// | [`AtOnce`](crate::Alert::AtOnce) | on the first failure | | after a quiet period |
///
/// A quiet period is a time without such a failure, five minutes by default.
///
/// ```
/// use resilience::{secs, alert::AlertPolicy};
///
/// const SENSITIVE: AlertPolicy = AlertPolicy::new().repeated(3).frequent(4, secs(60)).quiet(secs(600));
///
/// SENSITIVE.install(); // in `main`
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertPolicy {
    pub(super) repeated: u32,
    pub(super) frequent: u32,
    pub(super) window: Duration,
    pub(super) quiet: Duration,
}

impl AlertPolicy {
    /// The largest count that [`frequent`](Self::frequent) accepts. Every failure in the window is
    /// kept in memory.
    pub const MAX_FREQUENT: u32 = 1000;

    /// Creates the default policy.
    pub const fn new() -> Self {
        Self {
            repeated: 5,
            frequent: 10,
            window: Duration::from_secs(60),
            quiet: Duration::from_secs(300),
        }
    }

    /// Sets the number of consecutive failures that raise a `WhenRepeated` alert. Default: 5.
    ///
    /// # Panics
    /// If `in_a_row` is 0. In a `const`, this is a compile error.
    #[must_use]
    pub const fn repeated(mut self, in_a_row: u32) -> Self {
        assert!(in_a_row > 0, "`repeated` must be at least 1");
        self.repeated = in_a_row;
        self
    }

    /// Raises a `WhenFrequent` or `LowPriority` alert on more than `more_than` failures within
    /// `within`. Default: more than 10 within 60 s.
    ///
    /// # Panics
    /// If `more_than` exceeds [`MAX_FREQUENT`](Self::MAX_FREQUENT) or `within` is zero. In a
    /// `const`, this is a compile error.
    #[must_use]
    pub const fn frequent(mut self, more_than: u32, within: Duration) -> Self {
        assert!(
            more_than <= Self::MAX_FREQUENT,
            "the count of `frequent` must be at most `AlertPolicy::MAX_FREQUENT`"
        );
        assert!(!within.is_zero(), "the window of `frequent` must be longer than 0");
        self.frequent = more_than;
        self.window = within;
        self
    }

    /// Sets how long an operation must go without failing before its alert ends. Default: 5
    /// minutes.
    ///
    /// # Panics
    /// If `quiet` is zero. In a `const`, this is a compile error.
    #[must_use]
    pub const fn quiet(mut self, quiet: Duration) -> Self {
        assert!(!quiet.is_zero(), "`quiet` must be longer than 0");
        self.quiet = quiet;
        self
    }

    /// Makes this the policy of the process from now on.
    pub fn install(self) {
        super::alerts().set_policy(self);
    }
}

impl Default for AlertPolicy {
    fn default() -> Self {
        Self::new()
    }
}
