//! Limits the number of retries, so that they don't make an outage worse.

#[cfg_attr(not(feature = "_internals"), allow(unreachable_pub, reason = "the model checker's"))]
mod bucket;
mod builder;
mod failure_kind;
pub(super) mod listed;

use std::num::NonZeroU16;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

#[cfg(feature = "testing")]
use crate::support::isolation::{self, Identity, Isolate};
use bucket::{Bucket, Rules};
use listed::Listing;

pub use failure_kind::FailureKind;
pub use listed::RetryBudgetRef;

/// Limits the retries for a dependency with tokens: retries or failures cost tokens, and successes
/// earn them back.
///
/// Backoff spreads retries out, but only a budget limits their number. Without one, three attempts
/// triple the load on a callee that is already down. Use one budget per dependency or function, as
/// a `static` or a field.
///
/// ```
/// use resilience::{RetryBudget, retry::FailureKind};
/// use std::time::Duration;
///
/// static PAYMENTS: RetryBudget = RetryBudget::new().capacity(50).refill_every(Duration::from_secs(2));
///
/// // An outage: ten retries at five tokens each, and then a trickle.
/// let retries = (0..100).filter(|_| PAYMENTS.try_withdraw(FailureKind::Other).is_some()).count();
/// assert_eq!(retries, 10);
/// ```
///
/// Tests of one binary share a `static`. The feature `testing` gives each test its own: see
/// `resilience::testing`.
///
/// Tokens are counted in thousandths. A success costs one load if the bucket is full. The clock is
/// read only on failures.
///
/// A budget is listed in [`registry`](crate::registry()) with the first call that uses it, until it
/// is dropped.
///
/// # Presets
///
/// | | [`standard`](Self::standard) | [`aws_standard`](Self::aws_standard) | [`aws_standard_v2_1`](Self::aws_standard_v2_1) | [`grpc`](Self::grpc) |
/// |---|---|---|---|---|
/// | capacity | 100 | 500 | 500 | `max_tokens` |
/// | cost of a retry | 5 | 5 | 14 | – |
/// | cost after a timeout | 5 | 10 | 14 | – |
/// | cost after a rate limit | 5 | 5 | 5 | – |
/// | cost of a transient failure | – | – | – | 1 |
/// | credit | 1 for any success | 1 for a first-try success | 1 for a first-try success | `token_ratio` for any success |
/// | refund of a retried success | no | the last retry's cost | the last retry's cost | no |
/// | refill | 1 per second | no | no | no |
/// | retries only above | – | – | – | half |
#[derive(Debug)]
pub struct RetryBudget {
    bucket: Bucket<AtomicU64>,
    settings: BudgetSettings,
    name: Option<&'static str>,
    /// Set with the first call that uses the budget.
    listing: OnceLock<Arc<Listing>>,
    #[cfg(feature = "testing")]
    identity: Identity,
}

#[cfg(feature = "testing")]
impl Isolate for RetryBudget {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn fresh(&self) -> Self {
        Self { name: self.name, ..Self::from_settings(self.settings) }
    }
}

/// Tokens in thousandths.
#[derive(Debug, Clone, Copy)]
struct BudgetSettings {
    debit: Debit,
    capacity: u32,
    /// [`bucket::settled`] of the capacity.
    settled: u32,
    retry_cost: u32,
    /// `None` if it is the same as the cost of other retries.
    timeout_cost: Option<u32>,
    rate_limited_cost: Option<u32>,
    credit: u32,
    credit_retried: bool,
    refund: bool,
    refill: u64,
    floor_percent: u32,
}

/// What is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Debit {
    Nothing,
    Retries,
    Failures,
}

/// The cost of a retry, to be refunded if it succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "hand it to `on_success`, or lose the refund"]
pub struct BudgetCharge(NonZeroU16);

impl BudgetCharge {
    // Stores the cost in tokens plus one, so that `Option<BudgetCharge>` is no larger. All costs are
    // whole tokens.
    const fn new(cost: u32) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "at most as many as `MOST` tokens")]
        let tokens = (cost / 1_000) as u16;
        Self(NonZeroU16::MIN.saturating_add(tokens))
    }

    const fn cost(self) -> u32 {
        (self.0.get() as u32 - 1) * 1_000
    }
}

impl RetryBudget {
    /// Creates a budget like [`standard`](Self::standard), as a starting point for other settings.
    ///
    /// ```
    /// static BUDGET: resilience::RetryBudget = resilience::RetryBudget::new().capacity(200);
    /// ```
    pub const fn new() -> Self {
        Self::from_settings(BudgetSettings {
            debit: Debit::Retries,
            capacity: 100_000,
            settled: bucket::settled(100_000),
            retry_cost: 5_000,
            timeout_cost: None,
            rate_limited_cost: None,
            credit: 1_000,
            credit_retried: true,
            refund: false,
            refill: 1_000,
            floor_percent: 0,
        })
    }

    /// The default: 20 retries at once in an outage, then one every five seconds. Five successes
    /// pay for one retry.
    ///
    /// ```
    /// use resilience::{RetryBudget, retry::FailureKind};
    ///
    /// let budget = RetryBudget::standard();
    /// let retries = (0..100).filter(|_| budget.try_withdraw(FailureKind::Other).is_some()).count();
    /// assert_eq!(retries, 20);
    /// ```
    ///
    /// A rarely called function is never starved permanently, because the bucket also refills over
    /// time, within 100 s.
    pub const fn standard() -> Self {
        Self::new()
    }

    /// The retry quota of the AWS SDKs' `standard` retry mode, as of their specification "Retry
    /// Behavior 2.0". The capacity is 500. A retry costs 5, or 10 after a timeout. A first-try
    /// success earns 1, and a retried success refunds the cost of the last retry.
    ///
    /// ```
    /// use resilience::{RetryBudget, retry::FailureKind};
    ///
    /// let budget = RetryBudget::aws_standard();
    /// let retry = budget.try_withdraw(FailureKind::TimedOut);
    /// assert_eq!(budget.tokens(), 490.0);
    /// budget.on_success(retry, false);
    /// assert_eq!(budget.tokens(), 500.0);
    /// ```
    ///
    /// Source: the specification as implemented by botocore's `RetryQuotaChecker` and tested by
    /// smithy-swift's `RetryIntegrationTests`. The bucket doesn't refill over time, so once it is
    /// empty, a function that never succeeds again never retries again.
    pub const fn aws_standard() -> Self {
        Self::new()
            .capacity(500)
            .retry_cost(5)
            .timeout_cost(10)
            .credit_first_try_only()
            .refund_retried()
            .no_refill()
    }

    /// The retry quota of the AWS SDKs' `standard` retry mode, as of their specification "Retry
    /// Behavior 2.1", which `AWS_NEW_RETRIES_2026=true` selects. The capacity is 500. A retry costs
    /// 14, or 5 if the callee has [rate limited](FailureKind::RateLimited) us; a timeout isn't
    /// special. A first-try success earns 1, and a retried success refunds the cost of the last
    /// retry.
    ///
    /// ```
    /// use resilience::{RetryBudget, retry::FailureKind};
    ///
    /// let budget = RetryBudget::aws_standard_v2_1();
    /// assert!(budget.try_withdraw(FailureKind::TimedOut).is_some());
    /// assert_eq!(budget.tokens(), 486.0);
    /// assert!(budget.try_withdraw(FailureKind::RateLimited).is_some());
    /// assert_eq!(budget.tokens(), 481.0);
    /// ```
    ///
    /// Source: "Announcing updated retry behavior for AWS SDKs and Tools", AWS Developer Tools Blog,
    /// 2026, and the specification's cases as tested by smithy-typescript. Its delays start at
    /// 50 ms; set those in the policy: `base = "50ms", max_delay = "20s", jitter = "full"`. Like
    /// [`aws_standard`](Self::aws_standard), the bucket doesn't refill over time.
    pub const fn aws_standard_v2_1() -> Self {
        Self::new()
            .capacity(500)
            .retry_cost(14)
            .rate_limited_cost(5)
            .credit_first_try_only()
            .refund_retried()
            .no_refill()
    }

    /// gRPC's retry throttling. Each transient failure costs 1, even if the callee forbids a retry.
    /// Each success earns `token_ratio`. Retries are made only while the bucket holds more than
    /// half of `max_tokens`. `max_tokens` is 1 to 1000. `token_ratio` is above 0 and up to 1000;
    /// digits after the third decimal place are dropped.
    ///
    /// ```
    /// use resilience::{RetryBudget, retry::FailureKind};
    ///
    /// let budget = RetryBudget::grpc(10, 0.1);
    /// for _ in 0..5 {
    ///     budget.on_failure(FailureKind::Other);
    /// }
    /// assert!(budget.try_withdraw(FailureKind::Other).is_none());
    /// budget.on_success(None, true);
    /// assert!(budget.try_withdraw(FailureKind::Other).is_some());
    /// ```
    ///
    /// Source: gRFC A6, "Throttling Retry Attempts and Hedged RPCs", and gRPC's own
    /// `retry_throttle_test.cc`.
    ///
    /// # Panics
    ///
    /// Panics if either is out of range. In a `static` this is a compile error.
    pub const fn grpc(max_tokens: u32, token_ratio: f64) -> Self {
        assert!(max_tokens >= 1 && max_tokens <= 1_000, "`max_tokens` must be between 1 and 1000");
        assert!(token_ratio >= 0.001, "`token_ratio` must be at least 0.001");
        let budget = Self::new().capacity(max_tokens).retry_cost(1).credit(token_ratio);
        budget.debit_failures().no_refill().only_above(50)
    }

    /// No limit: every retry is granted, and nothing is counted.
    ///
    /// ```
    /// use resilience::{RetryBudget, retry::FailureKind};
    ///
    /// let budget = RetryBudget::unlimited();
    /// assert!((0..10_000).all(|_| budget.try_withdraw(FailureKind::TimedOut).is_some()));
    /// ```
    pub const fn unlimited() -> Self {
        let mut budget = Self::new();
        budget.settings.debit = Debit::Nothing;
        budget
    }

    /// Records a transient failure, whether or not a retry follows. It costs tokens only with
    /// [`debit_failures`](Self::debit_failures).
    ///
    /// ```
    /// use resilience::{RetryBudget, retry::FailureKind};
    ///
    /// let budget = RetryBudget::new().debit_failures();
    /// budget.on_failure(FailureKind::Other);
    /// assert_eq!(budget.tokens(), 95.0);
    /// ```
    #[inline]
    pub fn on_failure(&self, kind: FailureKind) {
        if self.settings.debit == Debit::Failures {
            let this = self.current();
            this.bucket.debit(&self.settings.rules(), self.settings.cost(kind), bucket::now);
            this.copy_to_listing();
        }
    }

    /// Requests a retry after a failure of this kind. Returns `None` if the retry is denied.
    ///
    /// ```
    /// use resilience::{RetryBudget, retry::FailureKind};
    ///
    /// let budget = RetryBudget::new().capacity(5);
    /// assert!(budget.try_withdraw(FailureKind::Other).is_some());
    /// assert!(budget.try_withdraw(FailureKind::Other).is_none());
    /// ```
    ///
    /// A retry that is cancelled afterwards is not refunded.
    pub fn try_withdraw(&self, kind: FailureKind) -> Option<BudgetCharge> {
        let cost = match self.settings.debit {
            Debit::Nothing => return Some(BudgetCharge::new(0)),
            Debit::Retries => self.settings.cost(kind),
            Debit::Failures => 0,
        };
        let this = self.current();
        let granted = this.bucket.withdraw(&self.settings.rules(), cost, bucket::now);
        this.copy_to_listing();
        if !granted {
            this.count_refusal();
        }
        granted.then_some(BudgetCharge::new(cost))
    }

    /// Records a success. For a retry, pass the charge returned by the last withdrawal.
    ///
    /// ```
    /// use resilience::{RetryBudget, retry::FailureKind};
    ///
    /// let budget = RetryBudget::standard();
    /// let retry = budget.try_withdraw(FailureKind::Other);
    /// budget.on_success(retry, false);
    /// assert_eq!(budget.tokens(), 96.0);
    /// ```
    #[inline]
    pub fn on_success(&self, withdrawn: Option<BudgetCharge>, first_try: bool) {
        if !self.is_full() {
            self.pay_in(withdrawn, first_try);
        }
    }

    /// Whether the bucket is full, so that a success would earn nothing.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.current().bucket.is_full(self.settings.capacity)
    }

    /// Whether the bucket is full and the budget is listed, so that there is nothing to do after a
    /// success.
    #[inline]
    pub(crate) fn is_settled(&self) -> bool {
        self.current().bucket.is_settled(self.settings.settled)
    }

    /// Lists the budget, unless it is listed. `user` is the function that uses it: the label of its
    /// dependency, and its name.
    #[cold]
    pub(crate) fn list(&self, user: impl FnOnce() -> (&'static str, &'static str)) {
        let this = self.current();
        if this.bucket.is_listed() {
            return;
        }
        if self.settings.debit == Debit::Nothing {
            this.bucket.mark_listed();
            return;
        }
        // Before the mark, so that each change after it finds the listing.
        let listing = this
            .listing
            .get_or_init(|| Arc::new(Listing::new(this.name, user(), self.settings.rules())));
        if this.bucket.mark_listed() {
            listed::add(listing);
            this.copy_to_listing();
        }
    }

    fn copy_to_listing(&self) {
        if let Some(listing) = self.listing() {
            self.bucket.copy_to(&listing.bucket);
        }
    }

    fn count_refusal(&self) {
        if let Some(listing) = self.listing() {
            listing.count_refusal();
        }
    }

    fn listing(&self) -> Option<&Listing> {
        if self.bucket.is_listed() { self.listing.get().map(|listing| &**listing) } else { None }
    }

    #[cold]
    fn pay_in(&self, withdrawn: Option<BudgetCharge>, first_try: bool) {
        let credit =
            if first_try || self.settings.credit_retried { self.settings.credit } else { 0 };
        let refund = match withdrawn {
            Some(withdrawn) if self.settings.refund => withdrawn.cost(),
            _ => 0,
        };
        let this = self.current();
        this.bucket.credit(self.settings.capacity, credit + refund);
        this.copy_to_listing();
    }

    /// The current number of tokens, to three decimal places. An unlimited budget returns its
    /// capacity.
    ///
    /// ```
    /// assert_eq!(resilience::RetryBudget::standard().tokens(), 100.0);
    /// ```
    pub fn tokens(&self) -> f64 {
        f64::from(self.current().bucket.tokens(&self.settings.rules(), bucket::now)) / 1000.0
    }

    /// The share of the capacity that is left, from 0 to 1.
    #[cfg(feature = "metrics")]
    pub(crate) fn level(&self) -> f64 {
        let capacity = f64::from(self.settings.capacity) / 1000.0;
        if capacity > 0.0 { self.tokens() / capacity } else { 0.0 }
    }

    const fn from_settings(settings: BudgetSettings) -> Self {
        Self {
            bucket: Bucket { word: AtomicU64::new(Bucket::<AtomicU64>::full(settings.capacity)) },
            settings,
            name: None,
            listing: OnceLock::new(),
            #[cfg(feature = "testing")]
            identity: Identity::new(),
        }
    }

    /// Where the tokens are. Every access goes through here.
    #[inline]
    fn current(&self) -> &Self {
        #[cfg(feature = "testing")]
        return isolation::current(self);
        #[cfg(not(feature = "testing"))]
        self
    }
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self::standard()
    }
}

impl BudgetSettings {
    fn rules(&self) -> Rules {
        let floor = u64::from(self.capacity) * u64::from(self.floor_percent) / 100;
        let floor = (self.floor_percent > 0).then(|| u32::try_from(floor).unwrap_or(u32::MAX));
        Rules { capacity: self.capacity, floor, refill: self.refill }
    }

    fn cost(&self, kind: FailureKind) -> u32 {
        match kind {
            FailureKind::TimedOut => self.timeout_cost,
            FailureKind::RateLimited => self.rate_limited_cost,
            FailureKind::Other => None,
        }
        .unwrap_or(self.retry_cost)
    }
}

/// The lock-free core, for the model checker.
#[cfg(feature = "_internals")]
pub mod internals {
    pub use super::bucket::{Bucket, Rules, settled};
}
