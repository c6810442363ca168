//! What the events of all layers have in common: how they tell an error.

use std::error::Error;
use std::fmt;

use proptest::prelude::*;
use resilience::{
    CircuitBreaker, Classification, Classify, Rejected, circuit_breaker, degrade, retry,
    taxonomy::Evidence, timeout,
};
use resilience_test_support::{Event, Events};

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
fn error_and_its_causes_are_told_by_each_event_about_it() {
    let error = Failed::busy("error sending request")
        .because(Failed::busy("client error").because(Failed::busy("connection refused")));
    let chain = r#"["client error","connection refused"]"#;
    let told = ["retry_scheduled", "retry_stopped", "graceful_degradation_activated"];
    let events = events_of(&error);
    for name in told {
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
