use std::time::Duration;

/// When an alert begins, and when it is over: for the whole process.
///
/// | alert | begins | default | is over |
/// |---|---|---|---|
/// | [`WhenRepeated`](crate::Alert::WhenRepeated) | after a number of failures in a row, with no success of the operation between | 5 | with the operation's next success, or when it has been quiet |
/// | [`WhenFrequent`](crate::Alert::WhenFrequent), [`LowPriority`](crate::Alert::LowPriority) | with more failures than a number within a time | 10 within 60 s | when it has been quiet |
/// | [`AtOnce`](crate::Alert::AtOnce) | with the first failure | | when it has been quiet |
///
/// Quiet is a time, five minutes by default, without such a failure.
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
    /// The most that [`frequent`](Self::frequent) counts to: each failure within the window is
    /// remembered.
    pub const MAX_FREQUENT: u32 = 1000;

    /// The defaults.
    pub const fn new() -> Self {
        Self {
            repeated: 5,
            frequent: 10,
            window: Duration::from_secs(60),
            quiet: Duration::from_secs(300),
        }
    }

    /// How many failures in a row make an alert of what is told when it is repeated.
    ///
    /// # Panics
    /// If it is 0; in a `const`, that is a compile error.
    #[must_use]
    pub const fn repeated(mut self, in_a_row: u32) -> Self {
        assert!(in_a_row > 0, "`repeated` must be at least 1");
        self.repeated = in_a_row;
        self
    }

    /// How many failures within how long are still not frequent; one more makes an alert.
    ///
    /// # Panics
    /// If it counts beyond [`MAX_FREQUENT`](Self::MAX_FREQUENT), or the time is 0; in a `const`,
    /// that is a compile error.
    #[must_use]
    pub const fn frequent(mut self, more_than: u32, within: Duration) -> Self {
        assert!(
            more_than <= Self::MAX_FREQUENT,
            "`frequent` can't count to more than `AlertPolicy::MAX_FREQUENT`"
        );
        assert!(!within.is_zero(), "the time of `frequent` must be longer than 0");
        self.frequent = more_than;
        self.window = within;
        self
    }

    /// How long it must have been quiet for an alert to be over.
    ///
    /// # Panics
    /// If it is 0; in a `const`, that is a compile error.
    #[must_use]
    pub const fn quiet(mut self, quiet: Duration) -> Self {
        assert!(!quiet.is_zero(), "`quiet` must be longer than 0");
        self.quiet = quiet;
        self
    }

    /// Makes it the process's policy, from now on.
    pub fn install(self) {
        super::ALERTS.set_policy(self);
    }
}

impl Default for AlertPolicy {
    fn default() -> Self {
        Self::new()
    }
}
