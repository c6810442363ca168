//! The retry budget: the sequences that its presets document, and its default.

use std::time::Duration;

use proptest::prelude::*;
use resilience::retry::{
    BudgetCharge,
    FailureKind::{self, Other, TimedOut},
};
use resilience::{
    Advice, Classification, Rejected, Retry, RetryBudget, millis, registry, retry, secs,
};
use resilience_test_support::CallError;
use tokio::time::advance;

#[track_caller]
fn holds(budget: &RetryBudget, tokens: f64) {
    assert!((budget.tokens() - tokens).abs() < 1e-9, "{} instead of {tokens}", budget.tokens());
}

/// One call that needs this many retries before it succeeds; false if the budget stopped it.
fn call(budget: &RetryBudget, failures: u32, kind: FailureKind) -> bool {
    let mut withdrawn = None;
    for _ in 0..failures {
        budget.on_failure(kind);
        withdrawn = budget.try_withdraw(kind);
        if withdrawn.is_none() {
            return false;
        }
    }
    budget.on_success(withdrawn, failures == 0);
    true
}

/// The calls of one client, one after the other: each response, and the tokens after it.
type Calls<'a> = &'a [&'a [(Result<u32, CallError>, f64)]];

/// Makes the calls under a policy with so many attempts.
#[expect(clippy::float_cmp, reason = "whole tokens")]
async fn replay(case: &str, budget: &RetryBudget, attempts: u32, calls: Calls<'_>) {
    let policy = Retry::new().attempts(attempts).base(millis(1)).idempotent();
    for responses in calls {
        let outcome = policy
            .run("aws", budget, || async {
                let number = resilience::context().attempt() as usize - 1;
                if number > 0 {
                    assert_eq!(budget.tokens(), responses[number - 1].1, "{case}");
                }
                responses[number].0.clone()
            })
            .await;
        let (last, tokens) = responses.last().unwrap();
        assert_eq!((&outcome, budget.tokens()), (last, *tokens), "{case}");
    }
}

/// A budget with this many tokens left. No case reaches the capacity of 500.
fn left(budget: fn() -> RetryBudget, tokens: u32) -> RetryBudget {
    if tokens == 0 {
        let empty = budget().capacity(1);
        assert!(empty.try_withdraw(Other).is_none());
        let empty = empty.retry_cost(1);
        assert!(empty.try_withdraw(Other).is_some());
        return empty;
    }
    budget().capacity(tokens)
}

/// The cases of "Retry Behavior 2.0", as in smithy-swift's `RetryIntegrationTests` and in
/// aws-sdk-java-v2.
#[tokio::test(start_paused = true)]
async fn aws_standard_budget_replays_retry_behavior_2_0() {
    let aws = RetryBudget::aws_standard;
    let fails = |tokens: f64| (Err(CallError::Busy), tokens);
    let times_out =
        |tokens: f64| (Err(CallError::Rejected(Rejected::timed_out("aws", secs(1)))), tokens);
    let succeeds = |tokens: f64| (Ok(1), tokens);

    let calls: Calls<'_> = &[&[fails(495.0), fails(490.0), succeeds(495.0)]];
    replay("retry eventually succeeds", &aws(), 3, calls).await;
    let calls: Calls<'_> = &[&[fails(495.0), fails(490.0), fails(490.0)]];
    replay("fail due to max attempts", &aws(), 3, calls).await;
    let calls: Calls<'_> = &[&[fails(0.0), fails(0.0)]];
    replay("quota reached after a single retry", &left(aws, 5), 3, calls).await;
    replay("no retries if the quota is 0", &left(aws, 0), 3, &[&[fails(0.0)]]).await;
    let calls: Calls<'_> =
        &[&[fails(495.0), fails(490.0), fails(485.0), fails(480.0), fails(480.0)]];
    replay("exponential backoff", &aws(), 5, calls).await;
    let calls: Calls<'_> = &[&[fails(5.0), fails(0.0), fails(0.0)]];
    replay("stops after the quota is exhausted", &left(aws, 10), 5, calls).await;
    let calls: Calls<'_> =
        &[&[fails(10.0), fails(5.0), succeeds(10.0)], &[fails(5.0), succeeds(10.0)]];
    replay("quota recovery after successes", &left(aws, 15), 5, calls).await;

    // aws-sdk-cpp's `RetryStrategyTest`: a retry after a timeout costs 10, and is refunded as such.
    let calls: Calls<'_> = &[
        &[fails(495.0), fails(490.0), fails(490.0)],
        &[times_out(480.0), times_out(470.0), succeeds(480.0)],
        &[succeeds(481.0)],
    ];
    replay("costs of a timeout", &aws(), 3, calls).await;
    replay("a timeout needs 10", &left(aws, 7), 3, &[&[times_out(7.0)], &[fails(2.0), fails(2.0)]])
        .await;
}

/// The cases of "Retry Behavior 2.1" (`AWS_NEW_RETRIES_2026`), as in smithy-typescript's and
/// aws-sdk-cpp's tests of the standard strategy.
#[tokio::test(start_paused = true)]
async fn aws_standard_v2_1_budget_replays_retry_behavior_2_1() {
    let aws = RetryBudget::aws_standard_v2_1;
    let fails = |tokens: f64| (Err(CallError::Busy), tokens);
    let throttles = |tokens: f64| (Err(CallError::BusyFor(Duration::ZERO)), tokens);
    let times_out =
        |tokens: f64| (Err(CallError::Rejected(Rejected::timed_out("aws", secs(1)))), tokens);
    let succeeds = |tokens: f64| (Ok(1), tokens);

    let calls: Calls<'_> = &[&[fails(486.0), fails(472.0), succeeds(486.0)]];
    replay("retry eventually succeeds", &aws(), 3, calls).await;
    let calls: Calls<'_> = &[&[fails(486.0), fails(472.0), fails(472.0)]];
    replay("fail due to max attempts", &aws(), 3, calls).await;
    let calls: Calls<'_> = &[&[fails(0.0), fails(0.0)]];
    replay("quota reached after a single retry", &left(aws, 14), 3, calls).await;
    replay("no retries if the quota is 0", &left(aws, 0), 3, &[&[fails(0.0)]]).await;
    let calls: Calls<'_> =
        &[&[fails(486.0), fails(472.0), fails(458.0), fails(444.0), fails(444.0)]];
    replay("exponential backoff", &aws(), 5, calls).await;
    let calls: Calls<'_> = &[&[fails(6.0), fails(6.0)]];
    replay("stops after the quota is exhausted", &left(aws, 20), 5, calls).await;
    let calls: Calls<'_> =
        &[&[fails(16.0), fails(2.0), succeeds(16.0)], &[fails(2.0), succeeds(16.0)]];
    replay("quota recovery after successes", &left(aws, 30), 5, calls).await;
    let calls: Calls<'_> = &[&[throttles(495.0), succeeds(500.0)]];
    replay("costs of a throttling error", &aws(), 3, calls).await;
    replay("10 are too few", &left(aws, 10), 3, &[&[fails(10.0)], &[throttles(5.0), fails(5.0)]])
        .await;

    // A timeout costs as much as any other transient error, and a first-try success earns 1.
    let calls: Calls<'_> =
        &[&[times_out(486.0), times_out(472.0), times_out(472.0)], &[succeeds(473.0)]];
    replay("a timeout isn't special", &aws(), 3, calls).await;
}

#[test]
fn aws_standard_budget_runs_dry_and_is_earned_back() {
    let budget = RetryBudget::aws_standard();
    let retries = (0..1000).filter(|_| budget.try_withdraw(Other).is_some()).count();
    assert_eq!(retries, 100);
    for _ in 0..4 {
        assert!(call(&budget, 0, Other));
    }
    assert!(!call(&budget, 1, Other), "4 of 5");
    assert!(call(&budget, 0, Other));
    assert!(call(&budget, 1, Other));
    holds(&budget, 5.0);
    assert!(!call(&budget, 1, TimedOut), "5 of 10");
}

#[tokio::test(start_paused = true)]
async fn aws_standard_budget_is_not_refilled_by_time() {
    let budget = RetryBudget::aws_standard();
    while budget.try_withdraw(TimedOut).is_some() {}
    advance(Duration::from_secs(86_400)).await;
    holds(&budget, 0.0);
}

/// The sequence of gRPC's own `retry_throttle_test.cc`, `ServerRetryThrottleData.Basic`: 4 tokens,
/// so retries above 2; 1.6 for a success. The rules are in gRFC A6, "Throttling Retry Attempts and
/// Hedged RPCs".
#[test]
fn grpc_budget_replays_grpcs_own_test() {
    let budget = RetryBudget::grpc(4, 1.6);
    let fails = |budget: &RetryBudget| {
        budget.on_failure(Other);
        budget.try_withdraw(Other).is_some()
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
            budget.on_failure(TimedOut);
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
            retries += (0..2).filter(|_| budget.try_withdraw(TimedOut).is_some()).count();
        }
        retries_per_minute.push(retries);
    }
    // 100 tokens at the start, one a second after that, five for each.
    assert_eq!(retries_per_minute, [31, 12, 12]);
}

#[tokio::test(start_paused = true)]
async fn default_budget_is_credited_by_successes() {
    let budget = RetryBudget::standard().no_refill();
    while budget.try_withdraw(Other).is_some() {}
    holds(&budget, 0.0);
    for _ in 0..4 {
        assert!(call(&budget, 0, Other));
    }
    assert!(!call(&budget, 1, Other));
    assert!(call(&budget, 0, Other));
    assert!(call(&budget, 1, Other), "the fifth success pays");
    holds(&budget, 1.0);
}

#[tokio::test(start_paused = true)]
async fn rarely_called_function_gets_its_retries_back() {
    let budget = RetryBudget::standard();
    while budget.try_withdraw(Other).is_some() {}
    // One call every ten seconds, and every one of them needs a retry or two.
    for _ in 0..100 {
        advance(Duration::from_secs(10)).await;
        assert!(budget.try_withdraw(Other).is_some());
        assert!(budget.try_withdraw(TimedOut).is_some());
        assert!(budget.try_withdraw(TimedOut).is_none());
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
        budget.on_failure(Other);
        assert!(budget.try_withdraw(Other).is_none(), "5 of 10");
    }
}

type Build = fn() -> RetryBudget;

#[test]
fn panic_on_an_out_of_range_setting_names_option_and_range() {
    let table: [(&str, Build); 12] = [
        ("`capacity` must be between 1 and 10000 tokens", || RetryBudget::new().capacity(0)),
        ("`capacity` must be between 1 and 10000 tokens", || RetryBudget::new().capacity(10_001)),
        ("`retry_cost` must be between 0 and 10000 tokens", || {
            RetryBudget::new().retry_cost(10_001)
        }),
        ("`timeout_cost` must be between 0 and 10000 tokens", || {
            RetryBudget::new().timeout_cost(u32::MAX)
        }),
        ("`rate_limited_cost` must be between 0 and 10000 tokens", || {
            RetryBudget::new().rate_limited_cost(10_001)
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
                last = budget.try_withdraw(Other);
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

/// What the registry knows of a function's or a named budget: tokens, and refused retries.
fn listed(name: &str, function: &str) -> Vec<(f64, u64)> {
    let budgets = registry().retry_budgets();
    let found = budgets.filter(|budget| budget.name() == name && budget.function() == function);
    found.map(|budget| (budget.tokens(), budget.refused())).collect()
}

fn busy_until(attempt: u32) -> Result<u32, CallError> {
    if resilience::context().attempt() < attempt { Err(CallError::Busy) } else { Ok(7) }
}

#[retry(idempotent, attempts = 2, external_timeout, service = "of its own")]
async fn with_its_own_budget(attempt: u32) -> Result<u32, CallError> {
    busy_until(attempt)
}

#[tokio::test(start_paused = true)]
async fn budget_of_a_function_is_listed_with_its_first_call() {
    assert_eq!(listed("of its own", "with_its_own_budget"), []);
    assert_eq!(with_its_own_budget(1).await, Ok(7));
    assert_eq!(listed("of its own", "with_its_own_budget"), [(100.0, 0)]);
    assert_eq!(with_its_own_budget(2).await, Ok(7));
    assert_eq!(listed("of its own", "with_its_own_budget"), [(96.0, 0)]);
}

#[tokio::test(start_paused = true)]
async fn static_budget_is_listed_once_under_its_name() {
    static SHARED: RetryBudget = RetryBudget::new().capacity(5).no_refill().name("shared by two");

    #[retry(idempotent, attempts = 2, budget = SHARED, external_timeout)]
    async fn first(attempt: u32) -> Result<u32, CallError> {
        busy_until(attempt)
    }

    #[retry(idempotent, attempts = 2, budget = SHARED, external_timeout)]
    async fn second(attempt: u32) -> Result<u32, CallError> {
        busy_until(attempt)
    }

    assert_eq!(first(3).await, Err(CallError::Busy));
    assert_eq!(second(3).await, Err(CallError::Busy));
    assert_eq!(listed("shared by two", "first"), [(0.0, 1)], "the second retry was refused");
    assert_eq!(listed("shared by two", "second"), []);
    assert_eq!(second(1).await, Ok(7));
    assert_eq!(listed("shared by two", "first"), [(1.0, 1)]);
}

#[tokio::test(start_paused = true)]
async fn budget_in_a_field_is_listed_wherever_it_moves_until_it_is_dropped() {
    struct Client {
        budget: RetryBudget,
    }

    impl Client {
        #[retry(idempotent, attempts = 2, budget = self.budget, external_timeout)]
        async fn fetch_in_field(&self, attempt: u32) -> Result<u32, CallError> {
            busy_until(attempt)
        }
    }

    let clients = [(); 2].map(|()| Client { budget: RetryBudget::new().name("in a field") });
    for client in &clients {
        assert_eq!(client.fetch_in_field(1).await, Ok(7));
    }
    assert_eq!(listed("in a field", "fetch_in_field"), [(100.0, 0); 2]);
    let [first, second] = clients;
    let moved = Box::new(second);
    assert_eq!(moved.fetch_in_field(2).await, Ok(7));
    assert_eq!(listed("in a field", "fetch_in_field"), [(100.0, 0), (96.0, 0)]);
    drop(first);
    assert_eq!(listed("in a field", "fetch_in_field"), [(96.0, 0)]);
    advance(secs(2)).await;
    assert_eq!(listed("in a field", "fetch_in_field"), [(98.0, 0)], "with its refill");
    drop(moved);
    assert_eq!(listed("in a field", "fetch_in_field"), []);
}

#[tokio::test(start_paused = true)]
async fn budget_of_a_hand_written_call_is_listed_and_an_unlimited_one_is_not() {
    let [limited, unlimited] = [RetryBudget::grpc(10, 0.5), RetryBudget::unlimited()];
    let policy = Retry::new().attempts(2).idempotent();
    let run = |budget| policy.run("by hand", budget, || async { busy_until(3) });
    assert_eq!(run(&limited).await, Err(CallError::Busy));
    assert_eq!(run(&unlimited).await, Err(CallError::Busy));
    assert_eq!(listed("by hand", "run"), [(8.0, 0)]);
}

#[tokio::test(start_paused = true)]
async fn short_lived_budgets_take_no_lasting_space() {
    let policy = Retry::new().idempotent();
    for _ in 0..10_000 {
        let budget = RetryBudget::new();
        let call = policy.run("short-lived", &budget, || async { Ok::<_, CallError>(7) });
        assert_eq!(call.await, Ok(7));
    }
    assert_eq!(listed("short-lived", "run"), []);
}
