//! What a tracker of errors makes of the records: one issue for each kind of error, and none for
//! what is handled.

use resilience::errors::{Internal, NotFound, ServiceUnavailable};
use resilience::{CircuitBreaker, ServiceError, boundary, circuit_breaker, report};
use sentry_core::protocol::Event;
use sentry_core::test::with_captured_events;
use tracing_subscriber::layer::SubscriberExt as _;

#[derive(Debug, thiserror::Error, ServiceError)]
enum OrderError {
    #[error("the ledger at postgres://shop:hunter2@db/ledger is corrupt")]
    #[service(permanent, code = "LEDGER_CORRUPT")]
    Ledger(#[source] std::num::ParseIntError),
    #[error("a bug in order {0}")]
    #[service(permanent, code = "ORDER_BUG")]
    Bug(u64),
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] resilience::Rejected),
}

static INVENTORY: CircuitBreaker = CircuitBreaker::new("inventory");

#[boundary]
#[circuit_breaker(INVENTORY)]
fn order(error: OrderError) -> Result<(), OrderError> {
    Err(error)
}

fn issues(run: impl FnOnce()) -> Vec<Event<'static>> {
    let subscriber = tracing_subscriber::registry().with(sentry_tracing::layer());
    with_captured_events(|| tracing::subscriber::with_default(subscriber, run))
}

/// What the tracker groups by.
fn exceptions<'e>(events: &'e [Event<'static>]) -> Vec<(&'e str, &'e str)> {
    events
        .iter()
        .map(|event| {
            let [exception] = &event.exception.values[..] else { panic!("{event:#?}") };
            (exception.ty.as_str(), exception.value.as_deref().unwrap_or_default())
        })
        .collect()
}

#[test]
fn records_are_issues_by_the_type_and_the_text_of_the_error() {
    let cause = "x".parse::<u8>().unwrap_err();
    let events = issues(|| {
        order(OrderError::Ledger(cause)).unwrap_err();
        order(OrderError::Bug(7)).unwrap_err();
        report(&Internal::new("a bug"));
        // What is expected is no issue.
        report(&NotFound::new("user", "42"));
        report(&ServiceUnavailable::new("inventory"));
    });
    assert_eq!(
        exceptions(&events),
        [
            ("OrderError", "the ledger at postgres://***@db/ledger is corrupt"),
            ("OrderError", "a bug in order 7"),
            ("Internal", "internal error: a bug"),
        ]
    );
    let messages: Vec<_> = events.iter().map(|event| event.message.as_deref()).collect();
    assert_eq!(
        messages,
        [
            Some("unexpected_error: LEDGER_CORRUPT in order"),
            Some("unexpected_error: ORDER_BUG in order"),
            Some("unexpected_error: INTERNAL_ERROR"),
        ]
    );
    // Expected failures before it are its breadcrumbs; its fields come with it.
    let fields = format!("{:?}", events[0].contexts["Rust Tracing Fields"]);
    for field in ["LEDGER_CORRUPT", "request_id", "invalid digit found in string"] {
        assert!(fields.contains(field), "{field}: {fields}");
    }
    assert!(!format!("{events:?}").contains("hunter2"));
}
