//! `#[retry]` and the plain `Retry`, on tokio's paused clock.

mod backoff;
mod conditions;
mod sent;

use std::time::Duration;

use resilience::{
    Retry, RetryBudget, millis, retry,
    retry::{Jitter, seed_jitter},
    secs, timeout,
};
use resilience_test_support::{Answer, CallError, Events, Script};
use tokio::time::Instant;

/// The delays that a policy draws from a generator with this seed.
fn delays(policy: Retry, seed: u64, count: usize) -> Vec<Duration> {
    seed_jitter(seed);
    policy.delays().take(count).collect()
}

/// Tokio's timer has a resolution of a millisecond, and rounds up.
fn ticks(delays: &[Duration]) -> Vec<u128> {
    delays.iter().map(|delay| delay.as_nanos().div_ceil(1_000_000)).collect()
}

#[retry(idempotent, external_timeout, attempts = 5)]
async fn five_attempts(script: &Script) -> Result<u32, CallError> {
    script.call().await
}

#[tokio::test(start_paused = true)]
async fn waits_are_exactly_those_of_the_policy() {
    let expected = delays(Retry::new(), 7, 4);
    seed_jitter(7);
    let script =
        Script::failures([CallError::Busy, CallError::Busy, CallError::Busy, CallError::Busy]);
    assert_eq!(five_attempts(&script).await, Ok(5));
    assert_eq!(ticks(&script.gaps()), ticks(&expected));
    for (n, (delay, base)) in expected.iter().zip([500, 1000, 2000, 4000]).enumerate() {
        assert!((millis(base)..=millis(base + 500)).contains(delay), "retry {n} waits {delay:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_include_the_first_call_and_the_last_error_is_returned() {
    let script = Script::failures((1..=9).map(|n| CallError::BusyFor(millis(n))));
    let events = Events::capture();
    assert_eq!(five_attempts(&script).await, Err(CallError::BusyFor(millis(5))));
    assert_eq!(script.calls(), 5);
    assert_eq!(events.named("retry_scheduled").len(), 4);
    let [stopped] = &events.named("retry_stopped")[..] else { panic!("{:?}", events.names()) };
    assert_eq!((stopped.field("reason"), stopped.field("attempts")), ("attempts_exhausted", "5"));
    assert_eq!(stopped.field("service"), "five_attempts");
    let elapsed: u64 = stopped.field("elapsed_ms").parse().unwrap();
    assert!(
        (7500..=9600).contains(&elapsed),
        "four waits of .5, 1, 2 and 4 s and up to .5 s each: {elapsed}"
    );
}

#[tokio::test(start_paused = true)]
async fn only_transient_errors_are_retried() {
    let table = [
        (CallError::Absent, "permanent"),
        (CallError::CacheMiss, "permanent"),
        (CallError::Corrupt, "permanent"),
        (CallError::Unclassified, "unclassified"),
        (CallError::Deadlock, "needs_transaction"),
    ];
    for (error, reason) in table {
        let events = Events::capture();
        let script = Script::failures([error.clone()]);
        assert_eq!(five_attempts(&script).await, Err(error));
        assert_eq!(script.calls(), 1);
        assert_eq!(events.named("retry_stopped")[0].field("reason"), reason);
    }
}

#[tokio::test(start_paused = true)]
async fn unclassified_error_is_logged_once_per_function() {
    #[retry(idempotent, external_timeout)]
    async fn unclassified() -> Result<(), CallError> {
        Err(CallError::Unclassified)
    }
    let events = Events::capture();
    for _ in 0..3 {
        assert_eq!(unclassified().await, Err(CallError::Unclassified));
    }
    assert_eq!(events.named("unclassified_error").len(), 1);
    assert!(events.named("unclassified_error")[0].field("error_type").ends_with("CallError"));
}

#[tokio::test(start_paused = true)]
async fn question_mark_in_the_body_is_retried() {
    #[retry(idempotent, external_timeout)]
    async fn question_mark(script: &Script) -> Result<u32, CallError> {
        let number = script.call().await?;
        Ok(number * 10)
    }
    let script = Script::failures([CallError::Busy, CallError::Busy]);
    assert_eq!(question_mark(&script).await, Ok(30));
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for_exactly() {
    let script = Script::failures([CallError::BusyFor(secs(10))]);
    assert_eq!(five_attempts(&script).await, Ok(2));
    assert_eq!(script.gaps(), [secs(10)]);
}

#[tokio::test(start_paused = true)]
async fn retry_after_beyond_the_maximum_gives_up_immediately() {
    #[retry(idempotent, external_timeout, max_retry_after = "10s")]
    async fn impatient(script: &Script) -> Result<u32, CallError> {
        script.call().await
    }
    let (events, start) = (Events::capture(), Instant::now());
    let script = Script::failures([CallError::BusyFor(secs(11))]);
    assert_eq!(impatient(&script).await, Err(CallError::BusyFor(secs(11))));
    assert_eq!((script.calls(), start.elapsed()), (1, Duration::ZERO));
    assert_eq!(events.named("retry_stopped")[0].field("reason"), "retry_after_too_long");

    // Without `max_retry_after`, `max_delay` is the limit: 30 s.
    let script =
        Script::failures([CallError::BusyFor(secs(30)), CallError::BusyFor(millis(30_001))]);
    assert_eq!(five_attempts(&script).await, Err(CallError::BusyFor(millis(30_001))));
    assert_eq!(script.gaps(), [secs(30)]);
}

#[tokio::test(start_paused = true)]
async fn non_idempotent_call_is_retried_only_if_never_sent() {
    #[retry(non_idempotent, external_timeout)]
    async fn charge(script: &Script) -> Result<u32, CallError> {
        script.call().await
    }
    let script = Script::failures([CallError::Refused, CallError::Refused]);
    assert_eq!(charge(&script).await, Ok(3));

    let events = Events::capture();
    let script = Script::failures([CallError::Refused, CallError::Busy]);
    assert_eq!(charge(&script).await, Err(CallError::Busy));
    assert_eq!(script.calls(), 2);
    assert_eq!(events.named("retry_stopped")[0].field("reason"), "not_idempotent");
}

#[tokio::test(start_paused = true)]
async fn idempotency_key_is_constant_per_call_and_new_for_each_call() {
    #[retry(idempotency_key, external_timeout, attempts = 4)]
    async fn charge(script: &Script, keys: &mut Vec<(u32, String)>) -> Result<u32, CallError> {
        let context = resilience::context();
        keys.push((context.attempt(), context.idempotency_key().unwrap_or_default()));
        script.call().await
    }
    let mut keys = Vec::new();
    let script = Script::failures([CallError::Busy, CallError::Busy]);
    assert_eq!(charge(&script, &mut keys).await, Ok(3));
    assert_eq!(charge(&script, &mut keys).await, Ok(4));
    let numbers: Vec<u32> = keys.iter().map(|(attempt, _)| *attempt).collect();
    assert_eq!(numbers, [1, 2, 3, 1]);
    assert_eq!(keys[0].1.len(), 36);
    assert!(keys[..3].iter().all(|(_, key)| *key == keys[0].1), "{keys:?}");
    assert_ne!(keys[3].1, keys[0].1);
}

#[tokio::test(start_paused = true)]
async fn explicit_key_is_evaluated_once_before_its_argument_moves() {
    struct Order {
        id: u64,
    }
    #[retry(idempotency_key = format!("order-{}", order.id), external_timeout, clone(order))]
    async fn charge(
        order: std::sync::Arc<Order>,
        keys: &mut Vec<String>,
    ) -> Result<u64, CallError> {
        keys.extend(resilience::context().idempotency_key());
        let moved = order;
        if keys.len() < 2 { Err(CallError::Busy) } else { Ok(moved.id) }
    }
    let mut keys = Vec::new();
    assert_eq!(charge(std::sync::Arc::new(Order { id: 7 }), &mut keys).await, Ok(7));
    assert_eq!(keys, ["order-7", "order-7"]);
}

#[tokio::test(start_paused = true)]
async fn wait_that_would_miss_the_deadline_is_not_started() {
    #[timeout("5s")]
    #[retry(idempotent, attempts = 10, base = "1s", jitter = "none")]
    #[timeout("4s")]
    async fn bounded(script: &Script) -> Result<u32, CallError> {
        script.call().await
    }
    let (events, start) = (Events::capture(), Instant::now());
    let busy = || Answer::After(millis(100), Err(CallError::Busy));
    let script = Script::new([busy(), busy(), busy(), busy()]);
    // .1 + 1 + .1 + 2 + .1 = 3.3 s; the third wait of 4 s would end at 7.3 s.
    assert_eq!(bounded(&script).await, Err(CallError::Busy));
    assert_eq!((script.calls(), start.elapsed()), (3, millis(3300)));
    let stopped = &events.named("retry_stopped")[0];
    assert_eq!((stopped.field("reason"), stopped.field("elapsed_ms")), ("deadline", "3300"));
    assert!(events.named("call_timed_out").is_empty());
}

#[tokio::test(start_paused = true)]
async fn deadline_stops_the_retry_of_a_call_that_fails_immediately() {
    #[timeout("900ms")]
    #[retry(idempotent, base = secs(1), jitter = "none")]
    async fn bounded(script: &Script) -> Result<u32, CallError> {
        script.call().await
    }
    let start = Instant::now();
    let script = Script::failures([CallError::Busy]);
    assert_eq!(bounded(&script).await, Err(CallError::Busy));
    assert_eq!((script.calls(), start.elapsed()), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn spent_shared_budget_stops_the_retries_of_all_its_functions() {
    static SHARED: RetryBudget = RetryBudget::standard();
    #[retry(idempotent, external_timeout, budget = SHARED, base = "1ms", max_delay = "1ms", attempts = 100)]
    async fn first() -> Result<(), CallError> {
        Err(CallError::Busy)
    }
    #[retry(idempotent, external_timeout, budget = SHARED, base = "1ms", attempts = 2)]
    async fn second(script: &Script) -> Result<u32, CallError> {
        script.call().await
    }
    let events = Events::capture();
    assert_eq!(first().await, Err(CallError::Busy));
    let stopped = &events.named("retry_stopped")[0];
    assert_eq!((stopped.field("reason"), stopped.field("attempts")), ("budget", "21"));
    let script = Script::failures([CallError::Busy]);
    assert_eq!(second(&script).await, Err(CallError::Busy));
    assert_eq!(script.calls(), 1);
    // It is refilled: the cost of a retry in five seconds.
    tokio::time::advance(secs(5)).await;
    let script = Script::failures([CallError::Busy]);
    assert_eq!(second(&script).await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn million_immediate_retries_do_not_starve_other_tasks() {
    #[retry(
        idempotent,
        external_timeout,
        attempts = 1_000_000,
        base = "0s",
        jitter = "none",
        budget = "off"
    )]
    async fn stubborn(calls: &mut u32) -> Result<(), CallError> {
        *calls += 1;
        Err(CallError::Busy)
    }
    let (mut calls, start) = (0, Instant::now());
    let mut turns = 0;
    {
        let call = stubborn(&mut calls);
        tokio::pin!(call);
        loop {
            tokio::select! {
                biased;
                outcome = &mut call => break assert_eq!(outcome, Err(CallError::Busy)),
                () = std::future::ready(()) => turns += 1,
            }
            tokio::task::yield_now().await;
        }
    }
    assert_eq!((calls, start.elapsed()), (1_000_000, Duration::ZERO));
    assert!(turns > 1000, "other work got {turns} turns");
}

#[tokio::test(start_paused = true)]
async fn calls_get_different_jitter_for_any_base() {
    for base in [millis(200), millis(999), secs(1), secs(2)] {
        let policy = Retry::new().base(base);
        let drawn: Vec<_> = (0..20).map(|_| policy.delays().next().unwrap()).collect();
        let mut distinct = drawn.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert!(distinct.len() > 15, "{base:?}: {drawn:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn out_of_range_runtime_options_are_clamped_and_logged_once() {
    #[retry(idempotent, external_timeout, attempts = attempts, base = base, max_delay = "1s", jitter = "none")]
    async fn runtime(script: &Script, attempts: u32, base: Duration) -> Result<u32, CallError> {
        script.call().await
    }
    let events = Events::capture();
    for _ in 0..2 {
        let script = Script::failures([CallError::Busy]);
        assert_eq!(runtime(&script, 0, millis(1)).await, Err(CallError::Busy));
        assert_eq!(script.calls(), 1);
    }
    assert_eq!(events.named("option_out_of_range").len(), 1);
    assert_eq!(events.named("option_out_of_range")[0].field("option"), "attempts");
    let script = Script::failures([CallError::Busy]);
    assert_eq!(runtime(&script, 2, secs(60)).await, Ok(2));
    assert_eq!(script.gaps(), [secs(1)]);
}

#[tokio::test(start_paused = true)]
async fn retry_works_without_the_macro() {
    static BUDGET: RetryBudget = RetryBudget::standard();
    let policy = Retry::new().attempts(3).base(secs(1)).jitter(Jitter::None).idempotent();
    let script = Script::failures([CallError::Busy, CallError::Busy]);
    assert_eq!(policy.run("inventory", &BUDGET, async || script.call().await).await, Ok(3));
    assert_eq!(script.gaps(), [secs(1), secs(2)]);
}

#[test]
fn sync_function_is_retried() {
    #[retry(idempotent, base = "0s", jitter = "none", blocking)]
    fn read(answers: &mut Vec<Result<u32, CallError>>) -> Result<u32, CallError> {
        let number = resilience::context().attempt();
        answers.pop().unwrap_or(Err(CallError::Absent))?;
        Ok(number)
    }
    let mut answers = vec![Ok(0), Err(CallError::Busy), Err(CallError::Busy)];
    assert_eq!(read(&mut answers), Ok(3));
    assert_eq!(read(&mut answers), Err(CallError::Absent));
}
