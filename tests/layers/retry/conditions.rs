//! `when` and `retry_ok`: which errors are retried, and which values.

use resilience::{
    Category, Classification, Classify as _, Rejected, Retry, RetryBudget, degrade, millis, retry,
    timeout,
};
use resilience_test_support::{Answer, CallError, Events, Script};
use tokio::time::Instant;

/// A call that answers 1, 2, 3 …
fn counting() -> Script {
    Script::new([])
}

fn sends(_: &impl Send) {}

fn is_busy(error: &CallError) -> bool {
    matches!(error, CallError::Busy)
}

struct Client {
    script: Script,
    ready_from: u32,
}

impl Client {
    fn new(script: Script, ready_from: u32) -> Self {
        Self { script, ready_from }
    }

    #[retry(
        idempotent,
        attempts = 4,
        base = "1s",
        jitter = "none",
        retry_ok = |value| *value < self.ready_from
    )]
    #[timeout("5s")]
    async fn poll(&mut self) -> Result<u32, CallError> {
        self.script.call().await
    }

    #[retry(idempotent, base = "1s", jitter = "none", external_timeout, when = is_busy)]
    async fn only_busy(&self) -> Result<u32, CallError> {
        self.script.call().await
    }
}

#[tokio::test(start_paused = true)]
async fn value_that_means_not_yet_is_retried_with_the_delays_of_an_error() {
    let mut client = Client::new(counting(), 3);
    let began = Instant::now();
    assert_eq!(client.poll().await, Ok(3));
    assert_eq!((client.script.calls(), began.elapsed()), (3, millis(3_000)));
}

#[tokio::test(start_paused = true)]
async fn value_is_returned_when_the_attempts_are_exhausted() {
    let mut client = Client::new(counting(), 100);
    let events = Events::capture();
    assert_eq!(client.poll().await, Ok(4));
    let [first, .., stopped] = &events.all()[..] else { panic!("{:?}", events.names()) };
    assert_eq!(first.name, "retry_scheduled");
    assert_eq!((first.field("code"), first.field("delay_ms")), ("NOT_YET", "1000"));
    assert_eq!(first.field("error"), "the value isn't ready yet");
    assert_eq!(stopped.name, "retry_stopped");
    assert_eq!((stopped.field("reason"), stopped.field("code")), ("attempts_exhausted", "NOT_YET"));
    assert_eq!(stopped.field("attempts"), "4");
}

#[tokio::test(start_paused = true)]
async fn value_after_an_error_and_error_after_a_value_share_the_attempts() {
    let busy = || Answer::Now(Err(CallError::Busy));
    let mut client = Client::new(Script::new([Answer::Now(Ok(0)), busy(), Answer::Now(Ok(0))]), 4);
    assert_eq!(client.poll().await, Ok(4));

    let mut client =
        Client::new(Script::new([Answer::Now(Ok(0)), busy(), Answer::Now(Ok(0)), busy()]), 4);
    assert_eq!(client.poll().await, Err(CallError::Busy));
    assert_eq!(client.script.calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn value_is_returned_at_the_deadline() {
    #[timeout("2500ms")]
    #[retry(idempotent, attempts = 10, base = "1s", jitter = "none", retry_ok = |_: &u32| true)]
    async fn poll(script: &Script) -> Result<u32, CallError> {
        script.call().await
    }

    let (script, events) = (counting(), Events::capture());
    let began = Instant::now();
    assert_eq!(poll(&script).await, Ok(2), "a third attempt would begin after three seconds");
    assert_eq!(began.elapsed(), millis(1_000));
    assert_eq!(events.all().last().unwrap().field("reason"), "deadline");
}

#[tokio::test(start_paused = true)]
async fn value_is_returned_when_the_budget_is_spent() {
    static BUDGET: RetryBudget = RetryBudget::new().capacity(5).no_refill();

    #[retry(idempotent, external_timeout, budget = BUDGET, attempts = 10, retry_ok = |_| true)]
    async fn poll(script: &Script) -> Result<u32, CallError> {
        script.call().await
    }

    let (script, events) = (counting(), Events::capture());
    assert_eq!(poll(&script).await, Ok(2));
    assert_eq!(events.all().last().unwrap().field("reason"), "budget");
    assert!(BUDGET.tokens() < 1.0, "a value that isn't ready earns nothing");
}

#[tokio::test(start_paused = true)]
async fn value_that_is_returned_uses_no_fallback() {
    #[degrade(fallback = 77)]
    #[retry(idempotent, external_timeout, retry_ok = |value| *value < limit)]
    async fn poll(script: &Script, limit: u32) -> Result<u32, CallError> {
        script.call().await
    }

    assert_eq!(poll(&counting(), 100).await, Ok(3));
    assert_eq!(poll(&counting(), 2).await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn value_of_a_call_that_must_not_be_sent_twice_is_returned() {
    const ONCE: Retry = Retry::new().non_idempotent();

    #[retry(ONCE, external_timeout, retry_ok = |_| true)]
    async fn send(script: &Script) -> Result<u32, CallError> {
        script.call().await
    }

    let (script, events) = (counting(), Events::capture());
    assert_eq!(send(&script).await, Ok(1));
    assert_eq!(events.all().last().unwrap().field("reason"), "not_idempotent");
}

#[tokio::test(start_paused = true)]
async fn value_sent_with_a_key_keeps_outer_calls_from_sending_again() {
    #[retry(non_idempotent, external_timeout, base = "1ms", max_delay = "2ms")]
    async fn outer(script: &Script, calls: &mut u32) -> Result<u32, CallError> {
        *calls += 1;
        inner(script).await
    }

    #[retry(idempotency_key, external_timeout, attempts = 2, retry_ok = |_| true)]
    async fn inner(script: &Script) -> Result<u32, CallError> {
        script.call().await
    }

    let mut calls = 0;
    let script = Script::new([Answer::Now(Ok(0)), Answer::Now(Err(CallError::Refused))]);
    assert_eq!(outer(&script, &mut calls).await, Err(CallError::Refused));
    assert_eq!((calls, script.calls()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn when_narrows_what_is_retried() {
    let client = Client::new(Script::failures([CallError::Busy, CallError::Refused]), 0);
    let events = Events::capture();
    assert_eq!(client.only_busy().await, Err(CallError::Refused));
    assert_eq!(client.script.calls(), 2);
    let stopped = events.all().pop().unwrap();
    assert_eq!((&*stopped.name, stopped.field("reason")), ("retry_stopped", "condition"));
    assert_eq!(stopped.field("code"), "CONNECT_FAILED");
}

#[tokio::test(start_paused = true)]
async fn when_does_not_widen_what_is_retried_and_is_not_asked() {
    #[retry(idempotent, external_timeout, when = |error| {
        assert_eq!(error.classify().category(), Some(Category::Transient), "{error:?}");
        true
    })]
    async fn call(script: &Script) -> Result<u32, CallError> {
        script.call().await
    }

    for error in [
        CallError::Absent,
        CallError::Deadlock,
        CallError::CacheMiss,
        CallError::Corrupt,
        CallError::Unclassified,
    ] {
        let script = Script::failures([error.clone()]);
        let events = Events::capture();
        assert_eq!(call(&script).await, Err(error.clone()));
        assert_eq!(script.calls(), 1);
        assert_ne!(events.all().last().unwrap().field("reason"), "condition", "{error:?}");
    }
    assert_eq!(call(&Script::failures([CallError::Busy])).await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn when_is_asked_of_timeouts_too() {
    #[retry(idempotent, base = "1ms", max_delay = "2ms", when = |error| !is_timeout(error))]
    #[timeout("1s")]
    async fn call(script: &Script) -> Result<u32, CallError> {
        script.call().await
    }

    fn is_timeout(error: &CallError) -> bool {
        matches!(error, CallError::Rejected(Rejected::TimedOut { .. }))
    }

    let script = Script::new([Answer::Now(Err(CallError::Busy)), Answer::Hang]);
    assert!(is_timeout(&call(&script).await.unwrap_err()));
    assert_eq!(script.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn conditions_work_with_classify_and_use_arguments() {
    #[retry(
        idempotent,
        external_timeout,
        attempts = 5,
        classify = |error: &&str| Classification::transient(if *error == "a" { "A" } else { "B" }),
        when = |error| *error == wanted,
        retry_ok = |value| value.len() < wanted.len()
    )]
    async fn call(
        answers: &mut Vec<Result<String, &'static str>>,
        wanted: String,
    ) -> Result<String, &'static str> {
        answers.remove(0)
    }

    let mut answers = vec![Err("a"), Ok(String::new()), Err("a"), Ok("done".to_owned()), Err("b")];
    assert_eq!(call(&mut answers, "a".to_owned()).await.as_deref(), Ok("done"));
    assert_eq!(call(&mut answers, "a".to_owned()).await, Err("b"));
}

#[test]
fn conditions_work_on_functions_that_are_not_async() {
    #[retry(
        idempotent,
        blocking,
        external_timeout,
        base = "1ms",
        max_delay = "1ms",
        retry_ok = |n| *n < 3,
        when = |_| false
    )]
    fn poll(calls: &mut u32) -> Result<u32, CallError> {
        *calls += 1;
        if *calls == 5 { Err(CallError::Busy) } else { Ok(*calls) }
    }

    let mut calls = 0;
    assert_eq!(poll(&mut calls), Ok(3));
    calls = 4;
    assert_eq!(poll(&mut calls), Err(CallError::Busy));
}

#[tokio::test(start_paused = true)]
async fn plain_retry_takes_the_same_conditions() {
    let budget = RetryBudget::unlimited();
    let policy = Retry::new().attempts(4).base(millis(1)).idempotent();
    let poll = policy.when(is_busy).retry_ok(|value: &u32| *value < 3);

    let script = Script::failures([CallError::Busy]);
    assert_eq!(poll.run("jobs", &budget, || script.call()).await, Ok(3));
    let script = Script::failures([CallError::Refused]);
    assert_eq!(poll.run("jobs", &budget, || script.call()).await, Err(CallError::Refused));
    assert_eq!(script.calls(), 1);
    let script = counting();
    let never = policy.retry_ok(|_: &u32| true);
    assert_eq!(never.run("jobs", &budget, || script.call()).await, Ok(4));

    let script = counting();
    let future = poll.run("jobs", &budget, || script.call());
    sends(&future);
    assert_eq!(future.await, Ok(3));
}
