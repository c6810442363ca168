//! The layers together: what each learns of the others, and what is left when a call is dropped.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use resilience::{
    CircuitBreaker, CircuitState, Rejected, circuit_breaker, degrade, millis, retry, secs, timeout,
};
use resilience_tests::{Answer, CallError, Events, Script};
use tokio::time::Instant;

/// A breaker behind `&self`, so that no two tests share one.
struct Client {
    breaker: Arc<CircuitBreaker>,
    script: Script,
}

impl Client {
    fn new(breaker: CircuitBreaker, answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { breaker: Arc::new(breaker), script: Script::new(answers) }
    }

    #[degrade(fallback = 0)]
    #[retry(idempotent, attempts = 3, base = "1s", jitter = "none")]
    #[circuit_breaker(self.breaker)]
    #[timeout("5s")]
    async fn full(&self) -> Result<u32, CallError> {
        self.script.call().await
    }

    #[retry(idempotent, attempts = 3, base = "1s", jitter = "none")]
    #[circuit_breaker(self.breaker)]
    #[timeout("5s")]
    async fn breaker_in_retry(&self) -> Result<u32, CallError> {
        self.script.call().await
    }

    #[circuit_breaker(self.breaker)]
    #[retry(idempotent, attempts = 3, base = "1s", jitter = "none")]
    #[timeout("5s")]
    async fn retry_in_breaker(&self) -> Result<u32, CallError> {
        self.script.call().await
    }

    #[timeout("5s")]
    #[circuit_breaker(self.breaker)]
    async fn breaker_in_timeout(&self) -> Result<u32, CallError> {
        self.script.call().await
    }

    #[circuit_breaker(self.breaker)]
    #[timeout("5s")]
    async fn timeout_in_breaker(&self) -> Result<u32, CallError> {
        self.script.call().await
    }

    #[circuit_breaker(self.breaker)]
    async fn alone(&self) -> Result<u32, CallError> {
        self.script.call().await
    }

    #[timeout("90s")]
    #[circuit_breaker(self.breaker)]
    async fn limited_above(&self) -> Result<u32, CallError> {
        self.script.call().await
    }

    #[circuit_breaker(self.breaker)]
    #[retry(idempotent, attempts = 4, base = "5s", jitter = "none")]
    #[timeout("25s")]
    async fn limited_per_attempt(&self) -> Result<u32, CallError> {
        self.script.call().await
    }

    #[timeout("90s")]
    #[circuit_breaker(self.breaker)]
    #[retry(idempotent, attempts = 4, base = "5s", jitter = "none")]
    #[timeout("25s")]
    async fn limited_twice(&self) -> Result<u32, CallError> {
        self.script.call().await
    }

    #[circuit_breaker(self.breaker)]
    #[timeout(Duration::MAX)]
    async fn without_end(&self) -> Result<u32, CallError> {
        self.script.call().await
    }
}

fn busy() -> Answer {
    Answer::Now(Err(CallError::Busy))
}

fn breaker() -> CircuitBreaker {
    CircuitBreaker::new("callee").failure_threshold(3).recovery_timeout(secs(30))
}

/// Opens the breaker of a client and waits until it admits a probe.
async fn half_open(client: &Client) {
    for _ in 0..3 {
        client
            .breaker
            .acquire()
            .expect("closed")
            .failed(&resilience::Classify::classify(&CallError::Busy));
    }
    assert_eq!(client.breaker.state(), CircuitState::Open);
    tokio::time::advance(secs(30)).await;
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_stops_the_retry_with_the_error_that_opened_it() {
    let client = Client::new(breaker().failure_threshold(2), [busy(), busy(), busy()]);
    let (events, start) = (Events::capture(), Instant::now());
    assert_eq!(client.breaker_in_retry().await, Err(CallError::Busy));
    assert_eq!((client.script.calls(), start.elapsed()), (2, secs(1)));
    let stopped = &events.named("retry_stopped")[0];
    assert_eq!((stopped.field("reason"), stopped.field("attempts")), ("circuit_open", "2"));
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_costs_no_attempts() {
    let client = Client::new(breaker(), []);
    client.breaker.force_open();
    let (events, start) = (Events::capture(), Instant::now());
    let outcome = client.breaker_in_retry().await;
    assert!(
        matches!(outcome, Err(CallError::Rejected(rejected)) if rejected.is_circuit_open()),
        "{outcome:?}"
    );
    assert_eq!((client.script.calls(), start.elapsed()), (0, Duration::ZERO));
    let stopped = &events.named("retry_stopped")[0];
    assert_eq!((stopped.field("reason"), stopped.field("attempts")), ("circuit_open", "0"));
}

#[tokio::test(start_paused = true)]
async fn below_the_retry_each_attempt_counts_and_above_it_each_call() {
    let below = Client::new(breaker().failure_threshold(100), [busy(), busy(), busy()]);
    assert_eq!(below.breaker_in_retry().await, Err(CallError::Busy));
    assert_eq!(below.breaker.metrics().counted_failures, 3);

    let above = Client::new(breaker().failure_threshold(100), [busy(), busy(), busy()]);
    assert_eq!(above.retry_in_breaker().await, Err(CallError::Busy));
    assert_eq!((above.script.calls(), above.breaker.metrics().counted_failures), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn ten_hangs_under_a_timeout_above_the_breaker_open_it() {
    let client = Client::new(breaker().failure_threshold(10), (0..10).map(|_| Answer::Hang));
    for _ in 0..10 {
        assert_eq!(client.breaker.state(), CircuitState::Closed);
        let outcome = client.breaker_in_timeout().await;
        assert!(
            matches!(outcome, Err(CallError::Rejected(rejected)) if rejected.is_timed_out()),
            "{outcome:?}"
        );
    }
    assert_eq!(client.breaker.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn hangs_under_a_timeout_below_the_breaker_open_it_too() {
    let client = Client::new(breaker(), (0..3).map(|_| Answer::Hang));
    let start = Instant::now();
    for _ in 0..3 {
        assert!(client.timeout_in_breaker().await.is_err());
    }
    assert_eq!((client.breaker.state(), start.elapsed()), (CircuitState::Open, secs(15)));
}

#[tokio::test(start_paused = true)]
async fn unclassified_errors_are_counted_and_said_once() {
    let events = Events::capture();
    let client = Client::new(breaker(), (0..3).map(|_| Answer::Now(Err(CallError::Unclassified))));
    for _ in 0..3 {
        assert_eq!(client.alone().await, Err(CallError::Unclassified));
    }
    assert_eq!(client.breaker.state(), CircuitState::Open);
    assert_eq!(events.named("unclassified_error").len(), 1);
    assert_eq!(events.named("circuit_breaker_failure").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_errors_do_not_open_the_breaker() {
    for error in [CallError::Absent, CallError::CacheMiss, CallError::Corrupt] {
        let client = Client::new(breaker(), (0..50).map(|_| Answer::Now(Err(error.clone()))));
        for _ in 0..50 {
            assert_eq!(client.alone().await, Err(error.clone()));
        }
        assert_eq!(client.breaker.state(), CircuitState::Closed, "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn errors_to_ignore_tell_nothing_about_the_callee() {
    // A closure without types, which it gets from the function.
    #[circuit_breaker(breaker, ignore = |error| error.to_string().contains("Refused"))]
    async fn ignoring(breaker: &CircuitBreaker, error: CallError) -> Result<(), CallError> {
        Err(error)
    }
    let breaker = CircuitBreaker::new("inventory").failure_threshold(2);
    for error in [CallError::Refused, CallError::Busy, CallError::Refused, CallError::Refused] {
        ignoring(&breaker, error).await.unwrap_err();
    }
    assert_eq!(
        (breaker.state(), breaker.metrics().consecutive_failures),
        (CircuitState::Closed, 1)
    );
    ignoring(&breaker, CallError::Busy).await.unwrap_err();
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_probe_gives_its_slot_back() {
    let client = Client::new(breaker(), [Answer::Hang]);
    half_open(&client).await;
    {
        let mut probe = pin!(client.alone());
        assert!(poll_once(probe.as_mut()).is_pending());
        assert_eq!(client.breaker.state(), CircuitState::HalfOpen);
        assert!(client.alone().await.is_err(), "the slot is taken");
    }
    assert_eq!(client.alone().await, Ok(2));
    assert_eq!(client.breaker.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_panicking_probe_gives_its_slot_back() {
    let client = Arc::new(Client::new(breaker(), [Answer::Panic]));
    half_open(&client).await;
    let probe = Arc::clone(&client);
    assert!(tokio::spawn(async move { probe.alone().await }).await.unwrap_err().is_panic());
    assert_eq!(client.alone().await, Ok(2));
    assert_eq!(client.breaker.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_hangs_for_ever_is_given_up_when_the_next_caller_comes() {
    let client = Client::new(breaker(), [Answer::Hang]);
    half_open(&client).await;
    let mut probe = pin!(client.alone());
    assert!(poll_once(probe.as_mut()).is_pending());
    tokio::time::advance(millis(29_999)).await;
    assert!(client.alone().await.is_err());
    assert_eq!(client.breaker.state(), CircuitState::HalfOpen);
    tokio::time::advance(millis(1)).await;
    assert!(client.alone().await.is_err());
    assert_eq!(client.breaker.state(), CircuitState::Open);
    tokio::time::advance(secs(30)).await;
    assert_eq!(client.alone().await, Ok(2));
    assert_eq!(client.breaker.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_probe_stopped_by_an_inner_layer_tells_nothing_and_gives_its_slot_back() {
    struct Nested {
        outer: CircuitBreaker,
        inner: CircuitBreaker,
    }
    impl Nested {
        #[circuit_breaker(self.outer)]
        async fn call(&self) -> Result<u32, CallError> {
            self.dependency().await
        }
        #[circuit_breaker(self.inner)]
        async fn dependency(&self) -> Result<u32, CallError> {
            Ok(1)
        }
    }
    let nested = Nested { outer: breaker(), inner: CircuitBreaker::new("inner") };
    for _ in 0..3 {
        nested
            .outer
            .acquire()
            .expect("closed")
            .failed(&resilience::Classify::classify(&CallError::Busy));
    }
    tokio::time::advance(secs(30)).await;
    nested.inner.force_open();
    for _ in 0..10 {
        let Err(CallError::Rejected(rejected)) = nested.call().await else {
            panic!("the inner breaker is open")
        };
        assert_eq!(rejected.service(), "inner");
        assert_eq!(nested.outer.state(), CircuitState::HalfOpen);
    }
    nested.inner.reset();
    assert_eq!(nested.call().await, Ok(1));
    assert_eq!(nested.outer.state(), CircuitState::Closed);
}

/// `try_join!` drops the probe as soon as the call beside it is rejected.
#[tokio::test(start_paused = true)]
async fn calls_made_together_do_not_keep_each_other_from_recovering() {
    let client = Client::new(breaker(), (0..100).map(|_| Answer::After(millis(10), Ok(1))));
    half_open(&client).await;
    let mut rounds = 0;
    while tokio::try_join!(client.alone(), client.alone(), client.alone()).is_err() {
        rounds += 1;
        assert!(rounds < 5, "{:?}", client.breaker.state());
    }
    assert_eq!(client.breaker.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn of_a_thousand_callers_at_half_open_exactly_the_probes_reach_the_callee() {
    for probes in [1, 3] {
        let answers = (0..1000).map(|_| Answer::After(millis(10), Ok(1)));
        let client = Arc::new(Client::new(breaker().probes(probes), answers));
        half_open(&client).await;
        let callers: Vec<_> = (0..1000)
            .map(|_| {
                let client = Arc::clone(&client);
                tokio::spawn(async move { client.alone().await })
            })
            .collect();
        let mut answered = 0;
        for caller in callers {
            answered += u32::from(caller.await.expect("no caller panics").is_ok());
        }
        assert_eq!((answered, client.script.calls()), (probes, probes));
        assert_eq!(client.breaker.state(), CircuitState::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_success_from_before_the_opening_does_not_close_it() {
    let client = Client::new(breaker(), [Answer::After(secs(1), Ok(1)), busy(), busy(), busy()]);
    let mut late = pin!(client.alone());
    assert!(poll_once(late.as_mut()).is_pending());
    for _ in 0..3 {
        assert_eq!(client.alone().await, Err(CallError::Busy));
    }
    assert_eq!(client.breaker.state(), CircuitState::Open);
    assert_eq!(late.await, Ok(1));
    assert_eq!(client.breaker.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn after_thirty_idle_days_the_first_call_takes_no_longer_than_any_other() {
    let client = Client::new(breaker(), [busy(), busy(), busy()]);
    assert_eq!(client.full().await, Ok(0));
    tokio::time::advance(secs(30 * 86_400)).await;
    let start = Instant::now();
    assert_eq!(client.full().await, Ok(4));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn each_layer_of_the_nest_does_its_part_in_an_outage() {
    let answers = [Answer::Hang, busy(), busy()];
    let client = Client::new(breaker(), answers);
    let (events, start) = (Events::capture(), Instant::now());
    assert_eq!(client.full().await, Ok(0));
    assert_eq!((client.script.calls(), start.elapsed()), (3, secs(5 + 1 + 2)));
    assert_eq!(client.breaker.state(), CircuitState::Open);
    assert_eq!(
        events.names(),
        [
            "call_timed_out",
            "circuit_breaker_failure",
            "retry_scheduled",
            "circuit_breaker_failure",
            "retry_scheduled",
            "circuit_breaker_failure",
            "circuit_breaker_state_change",
            "retry_stopped",
            "graceful_degradation_activated",
        ]
    );
    assert_eq!(client.full().await, Ok(0));
    assert_eq!(client.script.calls(), 3, "the open breaker saves the call");
    tokio::time::advance(secs(30)).await;
    assert_eq!(client.full().await, Ok(4));
}

/// Drops the call at its first, second, third … poll, and looks at what is left each time.
#[tokio::test(start_paused = true)]
async fn a_call_may_be_dropped_at_every_poll() {
    for probing in [false, true] {
        for polls in 1.. {
            let answers = (0..3).map(|_| Answer::After(millis(10), Err(CallError::Busy)));
            let client =
                Client::new(breaker().failure_threshold(50).recovery_timeout(secs(1)), answers);
            if probing {
                for _ in 0..50 {
                    client
                        .breaker
                        .acquire()
                        .expect("closed")
                        .failed(&resilience::Classify::classify(&CallError::Busy));
                }
                tokio::time::advance(secs(1)).await;
            }
            let before = client.breaker.metrics().counted_failures;
            let mut done = false;
            {
                let mut call = pin!(client.breaker_in_retry());
                for _ in 0..polls {
                    if poll_once(call.as_mut()).is_ready() {
                        done = true;
                        break;
                    }
                    tokio::time::advance(millis(5)).await;
                }
            }
            let finished = before + u64::from(client.script.calls());
            let counted = client.breaker.metrics().counted_failures;
            assert!(
                counted == finished || counted + 1 == finished,
                "a dropped attempt counts as nothing"
            );
            tokio::time::advance(secs(60)).await;
            // Whatever state it was dropped in, the breaker recovers with the next good answers.
            let client = Client { breaker: Arc::clone(&client.breaker), script: Script::new([]) };
            assert_eq!(client.breaker_in_retry().await, Ok(1), "dropped at poll {polls}");
            assert_eq!(client.breaker.state(), CircuitState::Closed, "dropped at poll {polls}");
            if done {
                assert!(
                    polls > if probing { 2 } else { 100 },
                    "attempts and waits take several polls"
                );
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_total_timeout_cuts_off_whatever_is_under_way() {
    #[timeout("7s")]
    #[retry(idempotent, attempts = 5, base = "1s", jitter = "none")]
    #[timeout("5s")]
    async fn call(script: &Script) -> Result<u32, CallError> {
        script.call().await
    }
    let (events, start) = (Events::capture(), Instant::now());
    let script = Script::new([Answer::Hang, Answer::Hang]);
    let outcome = call(&script).await;
    assert!(
        matches!(outcome, Err(CallError::Rejected(Rejected::TimedOut { after, .. })) if after == secs(7)),
        "{outcome:?}"
    );
    assert_eq!((script.calls(), start.elapsed()), (2, secs(7)));
    assert_eq!(events.named("call_timed_out").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_ready_arms_no_timer_and_one_that_spins_is_stopped() {
    #[timeout("5s")]
    async fn spins() -> Result<(), CallError> {
        loop {
            tokio::task::consume_budget().await;
            tokio::time::advance(secs(1)).await;
        }
    }
    assert!(
        spins().await.is_err(),
        "using up the task's budget must not keep the timer from looking"
    );
}

#[tokio::test(start_paused = true)]
async fn the_time_left_is_that_of_the_nearest_deadline() {
    #[timeout("8s")]
    #[retry(idempotent, attempts = 3, base = "1s", jitter = "none")]
    #[timeout("5s")]
    async fn call(left: &mut Vec<Duration>) -> Result<(), CallError> {
        tokio::time::sleep(secs(2)).await;
        left.extend(resilience::context().time_left);
        Err(CallError::Busy)
    }
    let mut left = Vec::new();
    assert!(call(&mut left).await.is_err());
    // At 2 s the attempt has 3 left; at 5 s the whole call has 3 left; a third attempt would begin
    // past its end.
    assert_eq!(left, [secs(3), secs(3)]);
    assert_eq!(resilience::context().time_left, None);
}

/// One label for one dependency, in the events of every layer and in the errors; also where the
/// breaker is another crate's.
#[tokio::test(start_paused = true)]
async fn a_named_breaker_labels_what_the_other_layers_say() {
    #[degrade(fallback = 0)]
    #[retry(idempotent, attempts = 2)]
    #[circuit_breaker(resilience_tests::ELSEWHERE)]
    #[timeout("5s")]
    async fn stock() -> Result<u32, CallError> {
        std::future::pending().await
    }
    #[circuit_breaker(resilience_tests::ELSEWHERE)]
    #[timeout("5s", service = "said otherwise")]
    async fn labelled() -> Result<u32, CallError> {
        std::future::pending().await
    }
    let events = Events::capture();
    assert_eq!(stock().await, Ok(0));
    assert_eq!(events.all().len(), 5, "{:?}", events.names());
    for event in events.all() {
        assert_eq!(event.field("service"), "elsewhere", "{event:?}");
    }
    resilience_tests::ELSEWHERE.reset();
    let Err(CallError::Rejected(rejected)) = labelled().await else { panic!("the call hangs") };
    assert_eq!(rejected.service(), "said otherwise");
}

#[test]
fn a_breaker_serves_a_function_that_is_not_async() {
    static STORE: CircuitBreaker = CircuitBreaker::new("store").failure_threshold(2);
    static READS: AtomicU32 = AtomicU32::new(0);
    #[degrade(fallback = |error| match error { CallError::Rejected(_) => 1, _ => 2 })]
    #[circuit_breaker(STORE)]
    fn read() -> Result<u32, CallError> {
        READS.fetch_add(1, Relaxed);
        Err(CallError::Busy)
    }
    assert_eq!([read(), read(), read(), read()], [Ok(2), Ok(2), Ok(1), Ok(1)]);
    assert_eq!(READS.load(Relaxed), 2);
    assert!(resilience::sites().circuit_breaker("store").is_some());
}

/// As slow as its limits allow, while others come by every second: a probe isn't lost before it can
/// have timed out.
#[tokio::test(start_paused = true)]
async fn a_probe_has_as_long_as_the_limits_of_its_nest_give_it() {
    async fn slow_probe(client: &Client, probe: impl Future<Output = Result<u32, CallError>>) {
        half_open(client).await;
        let mut probe = pin!(probe);
        for _ in 0..85 {
            assert!(poll_once(probe.as_mut()).is_pending());
            assert!(client.alone().await.is_err(), "the slot is taken");
            assert_eq!(client.breaker.state(), CircuitState::HalfOpen);
            tokio::time::advance(secs(1)).await;
        }
        assert!(probe.await.is_ok());
        assert_eq!(client.breaker.state(), CircuitState::Closed);
    }
    let client = Client::new(breaker(), [Answer::After(secs(85), Ok(1))]);
    slow_probe(&client, client.limited_above()).await;
    // 25 s, 5 s, 25 s, 10 s, 20 s.
    for limits in [1, 2] {
        let client =
            Client::new(breaker(), [Answer::Hang, Answer::Hang, Answer::After(secs(20), Ok(3))]);
        if limits == 1 {
            slow_probe(&client, client.limited_per_attempt()).await;
        } else {
            slow_probe(&client, client.limited_twice()).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_without_end_does_not_make_a_lost_probe_one() {
    let client = Arc::new(Client::new(breaker(), [Answer::Hang]));
    half_open(&client).await;
    let probing = Arc::clone(&client);
    let mut probe = Box::pin(async move { probing.without_end().await });
    assert!(poll_once(probe.as_mut()).is_pending());
    // Nothing will ever drop its permit.
    std::mem::forget(probe);
    tokio::time::advance(secs(86_399)).await;
    assert!(client.without_end().await.is_err());
    assert_eq!(client.breaker.state(), CircuitState::HalfOpen);
    tokio::time::advance(secs(1)).await;
    assert!(client.without_end().await.is_err());
    assert_eq!(client.breaker.state(), CircuitState::Open);
    tokio::time::advance(secs(30)).await;
    assert_eq!(client.without_end().await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_a_breaker_further_in_refused_was_made() {
    #[retry(idempotent, timed_elsewhere)]
    async fn order(inventory: &Client) -> Result<u32, CallError> {
        inventory.alone().await
    }
    let client = Client::new(breaker(), []);
    client.breaker.force_open();
    let events = Events::capture();
    assert!(order(&client).await.is_err());
    let stopped = &events.named("retry_stopped")[0];
    assert_eq!((stopped.field("reason"), stopped.field("attempts")), ("circuit_open", "1"));
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_first_attempt_that_timed_out_is_part_of_the_whole() {
    #[retry(idempotent, attempts = 2, base = "1s", jitter = "none")]
    #[timeout("5s")]
    async fn call() -> Result<u32, CallError> {
        std::future::pending().await
    }
    let (events, start) = (Events::capture(), Instant::now());
    assert!(call().await.is_err());
    assert_eq!(start.elapsed(), secs(11));
    assert_eq!(events.named("retry_stopped")[0].field("elapsed_ms"), "11000");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_beyond_the_end_of_the_clock_is_none() {
    #[timeout(limit)]
    #[retry(idempotent, attempts = 2, base = "1s", jitter = "none")]
    async fn call(limit: Duration) -> Result<u32, CallError> {
        tokio::time::sleep(secs(1)).await;
        Err(CallError::Busy)
    }
    // The longest that can still be added to the current time: the timer rounds up, and must not
    // get past the end by that.
    let now = Instant::now().into_std();
    let (mut fits, mut too_long) = (Duration::ZERO, Duration::MAX);
    while too_long > fits + Duration::from_nanos(1) {
        let middle = fits + too_long.saturating_sub(fits) / 2;
        if now.checked_add(middle).is_some() { fits = middle } else { too_long = middle }
    }
    for limit in [secs(200 * 365 * 86_400), fits, too_long, Duration::MAX] {
        let events = Events::capture();
        assert_eq!(call(limit).await, Err(CallError::Busy));
        assert_eq!(events.named("retry_stopped")[0].field("elapsed_ms"), "3000", "{limit:?}");
    }
}

#[test]
fn a_function_that_is_not_async_may_return_a_borrow_of_what_it_may_change() {
    struct Shelf {
        breaker: Arc<CircuitBreaker>,
        counts: Vec<u32>,
    }
    impl Shelf {
        #[circuit_breaker(self.breaker)]
        fn count(&mut self, at: usize) -> Result<&mut u32, CallError> {
            self.counts.get_mut(at).ok_or(CallError::Absent)
        }
    }
    let mut shelf = Shelf { breaker: Arc::new(breaker()), counts: vec![1] };
    *shelf.count(0).expect("it is there") += 1;
    assert_eq!(shelf.count(1), Err(CallError::Absent));
    assert_eq!(shelf.counts, [2]);
}

#[tokio::test(start_paused = true)]
async fn a_function_that_calls_another_of_the_same_dependency_does_not_keep_its_breaker_open() {
    one_dependency::recovers(breaker()).await;
    one_dependency::recovers(breaker().probes(3)).await;
}

mod one_dependency {
    use super::{Arc, CallError, CircuitBreaker, CircuitState, circuit_breaker, secs};

    #[circuit_breaker(breaker)]
    async fn all(breaker: &Arc<CircuitBreaker>) -> Result<u32, CallError> {
        Ok(some(breaker).await? + some(breaker).await?)
    }

    #[circuit_breaker(breaker)]
    async fn some(breaker: &Arc<CircuitBreaker>) -> Result<u32, CallError> {
        one(breaker).await
    }

    #[circuit_breaker(breaker)]
    async fn one(breaker: &Arc<CircuitBreaker>) -> Result<u32, CallError> {
        let _ = breaker;
        Ok(1)
    }

    pub(super) async fn recovers(breaker: CircuitBreaker) {
        let breaker = Arc::new(breaker);
        for _ in 0..3 {
            breaker
                .acquire()
                .expect("closed")
                .failed(&resilience::Classify::classify(&CallError::Busy));
        }
        tokio::time::advance(secs(30)).await;
        let mut calls = 0;
        while all(&breaker).await.is_err() {
            calls += 1;
            assert!(calls < 5, "the callee works, and the circuit is {}", breaker.state());
        }
        assert_eq!(breaker.state(), CircuitState::Closed);
    }
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
