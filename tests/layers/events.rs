//! What the events of all layers have in common: how they describe an error, and the fields by
//! which all events of a request are found.

use std::cell::Cell;
use std::error::Error;
use std::fmt;

use proptest::prelude::*;
use resilience::{
    CircuitBreaker, Classification, Classify, Rejected, RequestContext, Retry, RetryBudget,
    circuit_breaker, degrade, retry, secs, taxonomy::Evidence, timeout,
};
use resilience_test_support::{Event, Events};
use tracing::Level;

/// An error with a cause, or one after another without end.
#[derive(Debug, Clone)]
struct Failed {
    text: String,
    class: Classification,
    source: Option<Box<Self>>,
}

impl Failed {
    fn busy(text: impl Into<String>) -> Self {
        Self { text: text.into(), class: Classification::transient("BUSY"), source: None }
    }

    fn because(mut self, source: Self) -> Self {
        self.source = Some(Box::new(source));
        self
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

impl Classify for Failed {
    fn classify(&self) -> Classification {
        self.class
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

impl From<Rejected> for Failed {
    fn from(rejected: Rejected) -> Self {
        Self { class: rejected.classify(), ..Self::busy(rejected.to_string()) }
    }
}

/// The events of a nest whose body and fallback fail with this error.
#[allow(clippy::result_large_err, reason = "its size doesn't matter here")]
fn events_of(error: &Failed) -> Vec<Event> {
    #[degrade(non_critical, fallback = Err(error.clone())?)]
    #[retry(idempotent, attempts = 2, base = "0s", jitter = "none", budget = "off")]
    #[circuit_breaker(breaker)]
    #[timeout("5s")]
    async fn failing(error: &Failed, breaker: &CircuitBreaker) -> Result<u32, Failed> {
        Err(error.clone())
    }
    let breaker = CircuitBreaker::new("inventory").failure_threshold(2);
    let events = Events::capture();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(failing(error, &breaker)).unwrap_err();
    events.all()
}

fn acts_on_the_reader(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(character, '\u{2066}'..='\u{2069}')
}

#[test]
fn each_event_about_an_error_has_the_error_and_its_causes() {
    let error = Failed::busy("error sending request")
        .because(Failed::busy("client error").because(Failed::busy("connection refused")));
    let chain = r#"["client error","connection refused"]"#;
    let logged = ["retry_scheduled", "retry_stopped", "graceful_degradation_activated"];
    let events = events_of(&error);
    for name in logged {
        let event = events.iter().find(|event| event.name == name).unwrap();
        assert_eq!(event.field("error"), "error sending request", "{name}");
        assert_eq!(event.field("error.chain"), chain, "{name}");
    }
    let failed = events.iter().find(|event| event.name == "degradation_failed").unwrap();
    assert_eq!(failed.field("fallback_error"), "error sending request");
    assert_eq!(failed.field("fallback_error.chain"), chain);
}

#[test]
fn causes_are_redacted_and_bounded() {
    let url = "redis://ada:hunter2@cache";
    let error = (0..100).fold(Failed::busy(url), |cause, number| {
        Failed::busy(format!("{number} {url}{}", "x".repeat(9000))).because(cause)
    });
    for event in events_of(&error) {
        assert!(!event.line.contains("hunter2"), "{event:?}");
        assert!(event.line.len() < 16 * 1024, "{} bytes", event.line.len());
    }
}

#[test]
fn huge_error_makes_small_events() {
    for text in ["x", "\"\\", "\n", "é\u{1b}", "a b\u{202e}"] {
        let huge = Failed::busy(text.repeat((10 << 20) / text.len()));
        let events = events_of(&huge.clone().because(huge));
        assert!(events.len() >= 6, "{events:?}");
        for event in events {
            assert!(event.line.len() < 32 * 1024, "{text:?}: {} bytes", event.line.len());
        }
    }
}

/// An error whose text has no end, and which counts how much of it is asked for.
#[test]
fn text_without_an_end_is_not_formatted_to_its_end() {
    #[derive(Debug, Clone)]
    struct Endless;
    impl fmt::Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                f.write_str("on and ")?;
            }
        }
    }
    impl Classify for Endless {
        fn classify(&self) -> Classification {
            Classification::unclassified()
        }
    }
    #[degrade(non_critical, fallback = 7)]
    fn endless() -> Result<u32, Endless> {
        Err(Endless)
    }
    let events = Events::capture();
    assert_eq!(endless().unwrap(), 7);
    assert_eq!(events.names(), ["unclassified_error", "graceful_degradation_activated"]);
    for event in events.all() {
        assert!(event.field("error").starts_with("on and on and"), "{event:?}");
        assert!(event.field("error").len() < 5000, "{event:?}");
    }
}

/// Has a breaker of its own, whose name isn't the function's.
struct Client {
    breaker: CircuitBreaker,
}

impl Client {
    #[degrade(fallback = 0)]
    #[retry(idempotent, attempts = 2, base = "1ms", jitter = "none")]
    #[circuit_breaker(self.breaker)]
    #[timeout("5s")]
    async fn stock(&self, error: Option<Failed>) -> Result<u32, Failed> {
        match &error {
            Some(error) => Err(error.clone()),
            None => std::future::pending().await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_event_says_whose_request_and_which_function_it_is_about() {
    let client = Client {
        breaker: CircuitBreaker::new("inventory").failure_threshold(2).recovery_timeout(secs(1)),
    };
    let context = RequestContext::new();
    let events = Events::capture();
    let calls = async {
        assert_eq!(client.stock(None).await.unwrap(), 0); // times out twice, and opens the circuit
        assert_eq!(client.stock(None).await.unwrap(), 0); // rejected
        tokio::time::advance(secs(1)).await;
        assert_eq!(client.stock(Some(Failed::busy("no"))).await.unwrap(), 0); // a probe that fails
    };
    context.clone().scope(calls).await;

    let logged = events.all();
    let names: Vec<&str> = logged.iter().map(|event| event.name.as_str()).collect();
    for name in [
        "call_timed_out",
        "retry_scheduled",
        "retry_stopped",
        "graceful_degradation_activated",
        "circuit_breaker_failure",
        "circuit_breaker_state_change",
        "circuit_breaker_rejected",
    ] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    for event in &logged {
        assert_eq!(event.field("request_id"), context.request_id().as_str(), "{event:?}");
        assert_eq!(event.field("function"), "stock", "{event:?}");
        assert_eq!(event.field("service"), logged[0].field("service"), "{event:?}");
    }
    for event in logged.iter().filter(|event| event.name.starts_with("circuit_breaker")) {
        assert_eq!(event.field("dependency"), "inventory", "{event:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn event_about_a_rejection_names_the_dependency() {
    #[degrade(fallback = 0)]
    async fn order(client: &Client) -> Result<u32, Failed> {
        client.breaker.call(async { Ok::<_, Rejected>(1) }).await.map_err(Failed::from)
    }
    let client = Client { breaker: CircuitBreaker::new("inventory") };
    client.breaker.force_open();
    let events = Events::capture();
    assert_eq!(order(&client).await.unwrap(), 0);
    let [rejected, degraded] = &events.all()[..] else { panic!("{:?}", events.names()) };
    assert_eq!(degraded.name, "graceful_degradation_activated");
    assert_eq!((degraded.field("function"), degraded.field("dependency")), ("order", "inventory"));
    assert_eq!((rejected.field("function"), rejected.field("service")), ("", "inventory"));
    assert_eq!(degraded.field("request_id"), "", "there is no request");
}

#[tokio::test(start_paused = true)]
async fn failed_attempt_makes_one_line() {
    let client = Client { breaker: CircuitBreaker::new("inventory") };
    let events = Events::capture();
    assert_eq!(client.stock(None).await.unwrap(), 0);
    let lines = |level| {
        let shown = events.all().into_iter().filter(|event| event.level <= level);
        shown.map(|event| event.name).collect::<Vec<_>>()
    };
    let decisions = ["retry_scheduled", "retry_stopped", "graceful_degradation_activated"];
    assert_eq!(lines(Level::INFO), decisions, "two attempts timed out");
    let all = lines(Level::DEBUG);
    assert_eq!(all.iter().filter(|name| *name == "call_timed_out").count(), 2);
    assert_eq!(all.iter().filter(|name| *name == "circuit_breaker_failure").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn success_after_a_failure_is_told_with_the_number_of_attempts() {
    #[retry(idempotent, attempts = 5, external_timeout, service = "inventory")]
    async fn stock(failures: &Cell<u32>) -> Result<u32, Failed> {
        match failures.get() {
            0 => Ok(7),
            left => {
                failures.set(left - 1);
                Err(Failed::busy("busy"))
            }
        }
    }
    static BUDGET: RetryBudget = RetryBudget::standard();
    let events = Events::capture();
    assert_eq!(stock(&Cell::new(0)).await.unwrap(), 7);
    assert_eq!(events.names(), [""; 0], "a first attempt logs nothing");
    assert_eq!(stock(&Cell::new(2)).await.unwrap(), 7);
    let [succeeded] = &events.named("retry_succeeded")[..] else { panic!("{:?}", events.names()) };
    assert_eq!((succeeded.field("attempts"), succeeded.field("function")), ("3", "stock"));
    assert_eq!((succeeded.level, succeeded.field("service")), (Level::DEBUG, "inventory"));

    let calls = Cell::new(0);
    let run = Retry::new().idempotent().run("search", &BUDGET, || async {
        calls.set(calls.get() + 1);
        if calls.get() < 2 { Err(Failed::busy("busy")) } else { Ok(()) }
    });
    run.await.unwrap();
    assert_eq!(events.named("retry_succeeded")[1].field("attempts"), "2");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_acts_on_the_reader_of_a_log(
        text in "(a|\\PC|\\p{C}|[\\x00-\\x1f\\x7f-\\x9f\u{202a}-\u{202e}\u{2066}-\u{2069}\u{2028}\u{200e}]){0,60}",
        cause in "(\\PC|\\p{C}|[\n\r\\x1b]){0,60}",
    ) {
        for event in events_of(&Failed::busy(text).because(Failed::busy(cause))) {
            for (field, value) in &event.fields {
                prop_assert!(!value.contains(acts_on_the_reader), "{field}: {value:?}");
            }
        }
    }
}
