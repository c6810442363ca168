//! The retry budget: exact sequences of the two schemes it implements, and its default.

use std::time::Duration;

use proptest::prelude::*;
use resilience::{Advice, Classification, RetryBudget, retry, retry::BudgetCharge};
use tokio::time::advance;

#[track_caller]
fn holds(budget: &RetryBudget, tokens: f64) {
    assert!((budget.tokens() - tokens).abs() < 1e-9, "{} instead of {tokens}", budget.tokens());
}

/// One call that needs this many retries before it succeeds; false if the budget stopped it.
fn call(budget: &RetryBudget, failures: u32, timed_out: bool) -> bool {
    let mut withdrawn = None;
    for _ in 0..failures {
        budget.on_failure(timed_out);
        withdrawn = budget.try_withdraw(timed_out);
        if withdrawn.is_none() {
            return false;
        }
    }
    budget.on_success(withdrawn, failures == 0);
    true
}

#[test]
fn aws_standard_budget_follows_the_specification() {
    let budget = RetryBudget::aws_standard();
    // The cases of the SDKs' specification: the capacity is 500, and a retried success refunds its
    // last retry.
    holds(&budget, 500.0);
    assert!(call(&budget, 0, false));
    holds(&budget, 500.0);
    let first = budget.try_withdraw(false);
    assert!(first.is_some());
    holds(&budget, 495.0);
    let second = budget.try_withdraw(false);
    holds(&budget, 490.0);
    budget.on_success(second, false);
    holds(&budget, 495.0);

    // A retry after a timeout costs ten, and a first-try success adds one.
    assert!(budget.try_withdraw(true).is_some());
    holds(&budget, 485.0);
    assert!(call(&budget, 0, false));
    holds(&budget, 486.0);

    // Failures alone: 97 retries, and one token is left, which isn't enough.
    let retries = (0..1000).filter(|_| budget.try_withdraw(false).is_some()).count();
    assert_eq!(retries, 97);
    holds(&budget, 1.0);
    assert!(!call(&budget, 1, false));
    for _ in 0..3 {
        assert!(call(&budget, 0, false));
    }
    assert!(!call(&budget, 1, false), "4 of 5");
    assert!(call(&budget, 0, false));
    assert!(call(&budget, 1, false));
    holds(&budget, 5.0);
    assert!(!call(&budget, 1, true), "5 of 10");
}

#[tokio::test(start_paused = true)]
async fn aws_standard_budget_is_not_refilled_by_time() {
    let budget = RetryBudget::aws_standard();
    while budget.try_withdraw(true).is_some() {}
    advance(Duration::from_secs(86_400)).await;
    holds(&budget, 0.0);
}

#[test]
fn grpc_budget_follows_the_specification() {
    // The sequence of gRPC's own test: 4 tokens, so retries above 2; 1.6 for a success.
    let budget = RetryBudget::grpc(4, 1.6);
    let fails = |budget: &RetryBudget| {
        budget.on_failure(false);
        budget.try_withdraw(false).is_some()
    };
    let succeeds = |budget: &RetryBudget| budget.on_success(None, true);
    assert!(fails(&budget));
    holds(&budget, 3.0);
    succeeds(&budget);
    holds(&budget, 4.0);
    assert!(fails(&budget));
    holds(&budget, 3.0);
    assert!(!fails(&budget), "2 is the threshold, not above it");
    holds(&budget, 2.0);
    assert!(!fails(&budget));
    holds(&budget, 1.0);
    assert!(!fails(&budget));
    assert!(!fails(&budget), "never below nothing");
    holds(&budget, 0.0);
    succeeds(&budget);
    holds(&budget, 1.6);
    succeeds(&budget);
    holds(&budget, 3.2);
    assert!(fails(&budget), "2.2");
    succeeds(&budget);
    holds(&budget, 3.8);
}

#[test]
fn grpc_budget_truncates_the_ratio_to_three_decimals() {
    for (ratio, tokens) in [(0.1, 1.1), (0.0019, 1.001), (0.29, 1.29), (0.57, 1.57), (2.5009, 3.5)]
    {
        let budget = RetryBudget::grpc(10, ratio);
        for _ in 0..9 {
            budget.on_failure(true);
        }
        budget.on_success(None, true);
        holds(&budget, tokens);
    }
}

#[tokio::test(start_paused = true)]
async fn default_budget_allows_twenty_retries_and_then_a_trickle() {
    let budget = RetryBudget::default();
    let mut retries_per_minute = Vec::new();
    for _ in 0..3 {
        let mut retries = 0;
        // Ten calls a second, each of which asks for two retries.
        for _ in 0..600 {
            advance(Duration::from_millis(100)).await;
            retries += (0..2).filter(|_| budget.try_withdraw(true).is_some()).count();
        }
        retries_per_minute.push(retries);
    }
    // 100 tokens at the start, one a second after that, five for each.
    assert_eq!(retries_per_minute, [31, 12, 12]);
}

#[tokio::test(start_paused = true)]
async fn default_budget_is_credited_by_successes() {
    let budget = RetryBudget::standard().no_refill();
    while budget.try_withdraw(false).is_some() {}
    holds(&budget, 0.0);
    for _ in 0..4 {
        assert!(call(&budget, 0, false));
    }
    assert!(!call(&budget, 1, false));
    assert!(call(&budget, 0, false));
    assert!(call(&budget, 1, false), "the fifth success pays");
    holds(&budget, 1.0);
}

#[tokio::test(start_paused = true)]
async fn rarely_called_function_gets_its_retries_back() {
    let budget = RetryBudget::standard();
    while budget.try_withdraw(false).is_some() {}
    // One call every ten seconds, and every one of them needs a retry or two.
    for _ in 0..100 {
        advance(Duration::from_secs(10)).await;
        assert!(budget.try_withdraw(false).is_some());
        assert!(budget.try_withdraw(true).is_some());
        assert!(budget.try_withdraw(true).is_none());
    }
    advance(Duration::from_secs(60 * 86_400)).await;
    holds(&budget, 100.0);
}

#[test]
fn budget_settings_do_not_depend_on_their_order() {
    let early = RetryBudget::new().only_above(50).capacity(10).debit_failures();
    let late = RetryBudget::new().debit_failures().capacity(10).only_above(50);
    for budget in [early, late] {
        holds(&budget, 10.0);
        budget.on_failure(false);
        assert!(budget.try_withdraw(false).is_none(), "5 of 10");
    }
}

type Build = fn() -> RetryBudget;

#[test]
fn panic_on_an_out_of_range_setting_names_option_and_range() {
    let table: [(&str, Build); 11] = [
        ("`capacity` must be between 1 and 10000 tokens", || RetryBudget::new().capacity(0)),
        ("`capacity` must be between 1 and 10000 tokens", || RetryBudget::new().capacity(10_001)),
        ("`retry_cost` must be between 0 and 10000 tokens", || {
            RetryBudget::new().retry_cost(10_001)
        }),
        ("`timeout_cost` must be between 0 and 10000 tokens", || {
            RetryBudget::new().timeout_cost(u32::MAX)
        }),
        ("`credit` must be between 0 and 10000 tokens", || RetryBudget::new().credit(f64::NAN)),
        ("`credit` must be between 0 and 10000 tokens", || RetryBudget::new().credit(-0.1)),
        ("`refill_every` must be between 1 ms and 1 day", || {
            RetryBudget::new().refill_every(Duration::ZERO)
        }),
        ("`only_above` must be between 0 and 99 percent", || RetryBudget::new().only_above(100)),
        ("`max_tokens` must be between 1 and 1000", || RetryBudget::grpc(0, 1.0)),
        ("`max_tokens` must be between 1 and 1000", || RetryBudget::grpc(1_001, 1.0)),
        ("`token_ratio` must be at least 0.001", || RetryBudget::grpc(10, 0.0)),
    ];
    for (message, build) in table {
        let panic = std::panic::catch_unwind(|| build().tokens()).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&message));
    }
}

/// A budget in thousandths of a token, with exact time.
struct Model {
    tokens: u64,
    /// The time since the bucket was last full or last refilled.
    passed: u64,
}

#[derive(Debug, Clone, Copy)]
struct Settings {
    capacity: u32,
    cost: u32,
    credit: u32,
    refill: u64,
    only_above: u32,
    refund: bool,
}

impl Model {
    /// Advances the time in steps of a millisecond.
    fn advance(&mut self, settings: &Settings, millis: u64) {
        for _ in 0..millis {
            self.passed += 1;
            if self.passed == settings.refill {
                self.passed = 0;
                self.tokens = (self.tokens + 1000).min(u64::from(settings.capacity) * 1000);
            }
        }
    }

    fn withdraw(&mut self, settings: &Settings) -> bool {
        let (capacity, cost) =
            (u64::from(settings.capacity) * 1000, u64::from(settings.cost) * 1000);
        if self.tokens == capacity {
            self.passed = 0;
        }
        let above = settings.only_above == 0
            || self.tokens > capacity * u64::from(settings.only_above) / 100;
        let granted = self.tokens >= cost && above;
        self.tokens -= if granted { cost } else { 0 };
        granted
    }
}

#[derive(Debug, Clone)]
enum Step {
    Withdraw,
    FirstTry,
    Retried,
    Advance(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Withdraw),
        1 => Just(Step::FirstTry),
        1 => Just(Step::Retried),
        2 => (1..300_u64).prop_map(Step::Advance),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let refill = prop::sample::select(vec![1, 7, 100, 1_000]);
    (1..30_u32, 0..8_u32, 0..3_000_u32, refill, 0..100_u32, any::<bool>()).prop_map(
        |(capacity, cost, credit, refill, only_above, refund)| Settings {
            capacity,
            cost,
            credit,
            refill,
            only_above,
            refund,
        },
    )
}

async fn walk(settings: Settings, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut budget = RetryBudget::new()
        .capacity(settings.capacity)
        .retry_cost(settings.cost)
        .credit(f64::from(settings.credit) / 1000.0)
        .credit_first_try_only()
        .refill_every(Duration::from_millis(settings.refill))
        .only_above(settings.only_above);
    if settings.refund {
        budget = budget.refund_retried();
    }
    let capacity = u64::from(settings.capacity) * 1000;
    let mut model = Model { tokens: capacity, passed: 0 };
    let mut last: Option<BudgetCharge> = None;
    for step in steps {
        match step {
            Step::Withdraw => {
                last = budget.try_withdraw(false);
                prop_assert_eq!(last.is_some(), model.withdraw(&settings));
            }
            Step::FirstTry => {
                budget.on_success(None, true);
                model.tokens = (model.tokens + u64::from(settings.credit)).min(capacity);
            }
            Step::Retried => {
                let refund = if settings.refund && last.is_some() {
                    u64::from(settings.cost) * 1000
                } else {
                    0
                };
                budget.on_success(last.take(), false);
                model.tokens = (model.tokens + refund).min(capacity);
            }
            Step::Advance(millis) => {
                advance(Duration::from_millis(millis)).await;
                model.advance(&settings, millis);
            }
        }
        let tokens = budget.tokens();
        prop_assert!(0.0 <= tokens && tokens <= f64::from(settings.capacity));
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let expected = model.tokens as f64 / 1000.0;
        prop_assert!((tokens - expected).abs() < 1e-9, "{} instead of {}", tokens, expected);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_walks_agree_with_the_budget_model(settings in settings(), steps in prop::collection::vec(step(), 1..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(walk(settings, steps))?;
    }
}

#[tokio::test(start_paused = true)]
async fn failure_whose_callee_forbids_a_retry_costs_a_grpc_budget_a_token() {
    static BUDGET: RetryBudget = RetryBudget::grpc(10, 0.1);

    #[retry(
        idempotent,
        external_timeout,
        budget = BUDGET,
        classify = |_| Classification::transient_with("OVERLOADED", Advice::DoNotRetry)
    )]
    async fn call(calls: &mut u32) -> Result<(), &'static str> {
        *calls += 1;
        Err("overloaded")
    }

    let mut calls = 0;
    assert_eq!(call(&mut calls).await, Err("overloaded"));
    assert_eq!(calls, 1);
    holds(&BUDGET, 9.0);
}
