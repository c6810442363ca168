use std::time::Duration;

use super::{Debit, RetryBudget};

/// The largest capacity, cost and credit: what fits into 24 bits of thousandths, rounded down.
const MOST: u32 = 10_000;

/// Settings, all of them `const`: a value out of range in a `static` or `const` is a compile error.
impl RetryBudget {
    /// How many tokens the bucket holds, and has at first: 1 to 10 000, by default 100.
    ///
    /// ```
    /// static SMALL: resilience::RetryBudget = resilience::RetryBudget::new().capacity(20);
    /// ```
    ///
    /// # Panics
    ///
    /// When it is out of range.
    #[must_use]
    pub const fn capacity(self, tokens: u32) -> Self {
        assert!(tokens >= 1 && tokens <= MOST, "`capacity` must be between 1 and 10000 tokens");
        let mut knobs = self.knobs;
        knobs.capacity = tokens * 1_000;
        Self::from_knobs(knobs)
    }

    /// What a retry costs, in tokens: 0 to 10 000, by default 5.
    ///
    /// ```
    /// static BUDGET: resilience::RetryBudget = resilience::RetryBudget::new().retry_cost(10);
    /// ```
    ///
    /// # Panics
    ///
    /// When it is out of range.
    #[must_use]
    pub const fn retry_cost(mut self, tokens: u32) -> Self {
        assert!(tokens <= MOST, "`retry_cost` must be between 0 and 10000 tokens");
        self.knobs.retry_cost = tokens * 1_000;
        self
    }

    /// What a retry after a timeout costs, in tokens: 0 to 10 000, by default 5.
    ///
    /// ```
    /// // A call that timed out has used the callee for longer than one that was refused.
    /// static BUDGET: resilience::RetryBudget = resilience::RetryBudget::new().timeout_cost(10);
    /// ```
    ///
    /// # Panics
    ///
    /// When it is out of range.
    #[must_use]
    pub const fn timeout_cost(mut self, tokens: u32) -> Self {
        assert!(tokens <= MOST, "`timeout_cost` must be between 0 and 10000 tokens");
        self.knobs.timeout_cost = tokens * 1_000;
        self
    }

    /// Takes the cost at every retryable failure, followed by a retry or not, instead of at the
    /// retry.
    ///
    /// ```
    /// static BUDGET: resilience::RetryBudget = resilience::RetryBudget::new().debit_failures().only_above(50);
    /// ```
    #[must_use]
    pub const fn debit_failures(mut self) -> Self {
        self.knobs.debit = Debit::Failures;
        self
    }

    /// What a success brings, in tokens: 0 to 10 000, by default 1. Further than three decimals are
    /// dropped.
    ///
    /// ```
    /// // Fifty successes pay for one retry.
    /// static BUDGET: resilience::RetryBudget = resilience::RetryBudget::new().credit(0.1);
    /// ```
    ///
    /// # Panics
    ///
    /// When it is out of range, or not a number.
    #[must_use]
    pub const fn credit(mut self, tokens: f64) -> Self {
        assert!(tokens >= 0.0 && tokens <= 10_000.0, "`credit` must be between 0 and 10000 tokens");
        // The nearest `f64` of 0.29 is a little less than it, and isn't to become 0.289.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked above"
        )]
        let thousandths = (tokens * 1_000.0 + 1e-6) as u32;
        self.knobs.credit = thousandths;
        self
    }

    /// Credits only a call whose first try succeeded. By default any success is credited.
    ///
    /// ```
    /// static BUDGET: resilience::RetryBudget = resilience::RetryBudget::new().credit_first_try_only();
    /// ```
    #[must_use]
    pub const fn credit_first_try_only(mut self) -> Self {
        self.knobs.credit_retried = false;
        self
    }

    /// Gives back what the last retry has cost when it succeeds. By default nothing is given back.
    ///
    /// ```
    /// static BUDGET: resilience::RetryBudget = resilience::RetryBudget::new().refund_retried();
    /// ```
    #[must_use]
    pub const fn refund_retried(mut self) -> Self {
        self.knobs.refund = true;
        self
    }

    /// Brings one token each time this has passed: 1 ms to 1 day, by default 1 s. A part of a
    /// millisecond counts as a whole one.
    ///
    /// ```
    /// # use std::time::Duration;
    /// static BUDGET: resilience::RetryBudget =
    ///     resilience::RetryBudget::new().refill_every(Duration::from_millis(200));
    /// ```
    ///
    /// It is computed when a failure asks, and exact: no remainder is lost.
    ///
    /// # Panics
    ///
    /// When it is out of range.
    #[must_use]
    pub const fn refill_every(mut self, interval: Duration) -> Self {
        let nanos = interval.as_nanos();
        assert!(
            nanos >= 1_000_000 && nanos <= 86_400_000_000_000,
            "`refill_every` must be between 1 ms and 1 day"
        );
        #[expect(clippy::cast_possible_truncation, reason = "checked above")]
        let millis = nanos.div_ceil(1_000_000) as u64;
        self.knobs.refill = millis;
        self
    }

    /// Lets time alone bring nothing.
    ///
    /// ```
    /// static BUDGET: resilience::RetryBudget = resilience::RetryBudget::new().no_refill();
    /// ```
    #[must_use]
    pub const fn no_refill(mut self) -> Self {
        self.knobs.refill = 0;
        self
    }

    /// Grants a retry only while more than this part of the capacity is there, in percent: 0 to 99,
    /// by default 0, which is no such condition. Exactly that part is not more.
    ///
    /// ```
    /// static BUDGET: resilience::RetryBudget = resilience::RetryBudget::new().only_above(50);
    /// ```
    ///
    /// # Panics
    ///
    /// When it is above 99.
    #[must_use]
    pub const fn only_above(mut self, percent: u32) -> Self {
        assert!(percent <= 99, "`only_above` must be between 0 and 99 percent");
        self.knobs.floor_percent = percent;
        self
    }
}
