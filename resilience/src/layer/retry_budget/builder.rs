use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::bucket::{self, Bucket};
use super::{Debit, RetryBudget};

/// The maximum capacity, cost and credit: as many thousandths as fit in 24 bits, rounded down.
const MOST: u32 = 10_000;

/// Settings. All are `const`, so a value out of range in a `static` or `const` is a compile error.
impl RetryBudget {
    /// Sets the maximum and initial number of tokens: 1 to 10 000, by default 100.
    ///
    /// ```
    /// static SMALL: resilience::RetryBudget = resilience::RetryBudget::new().capacity(20);
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the value is out of range.
    #[must_use]
    pub const fn capacity(mut self, tokens: u32) -> Self {
        assert!(tokens >= 1 && tokens <= MOST, "`capacity` must be between 1 and 10000 tokens");
        self.settings.capacity = tokens * 1_000;
        self.settings.settled = bucket::settled(tokens * 1_000);
        self.bucket.word = AtomicU64::new(Bucket::<AtomicU64>::full(tokens * 1_000));
        self
    }

    /// Sets the name of the budget in [`registry`](crate::registry()). Without one, it has the label
    /// of the first function that has used it.
    ///
    /// ```
    /// static PAYMENTS: resilience::RetryBudget = resilience::RetryBudget::new().name("payments");
    /// ```
    #[must_use]
    pub const fn name(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// Sets the cost of a retry, in tokens: 0 to 10 000, by default 5.
    ///
    /// ```
    /// static BUDGET: resilience::RetryBudget = resilience::RetryBudget::new().retry_cost(10);
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the value is out of range.
    #[must_use]
    pub const fn retry_cost(mut self, tokens: u32) -> Self {
        assert!(tokens <= MOST, "`retry_cost` must be between 0 and 10000 tokens");
        self.settings.retry_cost = tokens * 1_000;
        self
    }

    /// Sets the cost of a retry after a timeout, in tokens: 0 to 10 000, by default the
    /// [`retry_cost`](Self::retry_cost).
    ///
    /// ```
    /// // A call that timed out has used the callee for longer than one that was refused.
    /// static BUDGET: resilience::RetryBudget = resilience::RetryBudget::new().timeout_cost(10);
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the value is out of range.
    #[must_use]
    pub const fn timeout_cost(mut self, tokens: u32) -> Self {
        assert!(tokens <= MOST, "`timeout_cost` must be between 0 and 10000 tokens");
        self.settings.timeout_cost = Some(tokens * 1_000);
        self
    }

    /// Sets the cost of a retry after the callee has [rate limited](super::FailureKind::RateLimited)
    /// us, in tokens: 0 to 10 000, by default the [`retry_cost`](Self::retry_cost).
    ///
    /// ```
    /// // A rejected call costs the callee little, and the callee says when to come back.
    /// static BUDGET: resilience::RetryBudget = resilience::RetryBudget::new().rate_limited_cost(2);
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the value is out of range.
    #[must_use]
    pub const fn rate_limited_cost(mut self, tokens: u32) -> Self {
        assert!(tokens <= MOST, "`rate_limited_cost` must be between 0 and 10000 tokens");
        self.settings.rate_limited_cost = Some(tokens * 1_000);
        self
    }

    /// Charges every retryable failure, whether or not a retry follows, instead of charging the
    /// retry.
    ///
    /// ```
    /// static BUDGET: resilience::RetryBudget = resilience::RetryBudget::new().debit_failures().only_above(50);
    /// ```
    #[must_use]
    pub const fn debit_failures(mut self) -> Self {
        self.settings.debit = Debit::Failures;
        self
    }

    /// Sets the credit for a success, in tokens: 0 to 10 000, by default 1. Digits after the third
    /// decimal place are dropped.
    ///
    /// ```
    /// // Fifty successes pay for one retry.
    /// static BUDGET: resilience::RetryBudget = resilience::RetryBudget::new().credit(0.1);
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the value is out of range or not a number.
    #[must_use]
    pub const fn credit(mut self, tokens: f64) -> Self {
        assert!(tokens >= 0.0 && tokens <= 10_000.0, "`credit` must be between 0 and 10000 tokens");
        // The `f64` nearest to 0.29 is slightly smaller, and must not become 0.289.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked above"
        )]
        let thousandths = (tokens * 1_000.0 + 1e-6) as u32;
        self.settings.credit = thousandths;
        self
    }

    /// Credits only calls that succeed on the first try. By default, any success is credited.
    ///
    /// ```
    /// static BUDGET: resilience::RetryBudget = resilience::RetryBudget::new().credit_first_try_only();
    /// ```
    #[must_use]
    pub const fn credit_first_try_only(mut self) -> Self {
        self.settings.credit_retried = false;
        self
    }

    /// Refunds the cost of the last retry if it succeeds. By default, nothing is refunded.
    ///
    /// ```
    /// static BUDGET: resilience::RetryBudget = resilience::RetryBudget::new().refund_retried();
    /// ```
    #[must_use]
    pub const fn refund_retried(mut self) -> Self {
        self.settings.refund = true;
        self
    }

    /// Sets the interval at which one token is added: 1 ms to 1 day, by default 1 s. Fractions of a
    /// millisecond are rounded up.
    ///
    /// ```
    /// # use std::time::Duration;
    /// static BUDGET: resilience::RetryBudget =
    ///     resilience::RetryBudget::new().refill_every(Duration::from_millis(200));
    /// ```
    ///
    /// The refill is computed when a failure occurs. It is exact: no remainder is lost.
    ///
    /// # Panics
    ///
    /// Panics if the value is out of range.
    #[must_use]
    pub const fn refill_every(mut self, interval: Duration) -> Self {
        let nanos = interval.as_nanos();
        assert!(
            nanos >= 1_000_000 && nanos <= 86_400_000_000_000,
            "`refill_every` must be between 1 ms and 1 day"
        );
        #[expect(clippy::cast_possible_truncation, reason = "checked above")]
        let millis = nanos.div_ceil(1_000_000) as u64;
        self.settings.refill = millis;
        self
    }

    /// Disables the refill over time.
    ///
    /// ```
    /// static BUDGET: resilience::RetryBudget = resilience::RetryBudget::new().no_refill();
    /// ```
    #[must_use]
    pub const fn no_refill(mut self) -> Self {
        self.settings.refill = 0;
        self
    }

    /// Grants a retry only while the bucket holds strictly more than this percentage of the
    /// capacity: 0 to 99. The default, 0, disables the check.
    ///
    /// ```
    /// static BUDGET: resilience::RetryBudget = resilience::RetryBudget::new().only_above(50);
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the value is above 99.
    #[must_use]
    pub const fn only_above(mut self, percent: u32) -> Self {
        assert!(percent <= 99, "`only_above` must be between 0 and 99 percent");
        self.settings.floor_percent = percent;
        self
    }
}
