//! `#[dead_letter]`: which messages become letters, what is in them, and how they are replayed.

mod arguments;
mod replay;

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use resilience::{
    Category, CircuitBreaker, Classification, Classify as _, Rejected, RequestContext,
    ServiceError, boundary, circuit_breaker, dead_letter,
    dead_letter::{
        AlreadyConnected, DeadLetterStore, DeadLetters, Handled, Letter, MemoryStore, Reason,
        StoreError, StoreFuture, Stored,
    },
    retry, secs,
    shutdown::Shutdown,
    timeout,
};
use resilience_test_support::{CallError, Events, poll_once};

/// A store that is down.
struct Down;

impl DeadLetterStore for Down {
    fn store<'a>(&'a self, _: &'a Letter) -> StoreFuture<'a, Stored> {
        Box::pin(async { Err(StoreError::unavailable("connection refused")) })
    }
}

fn only(letters: &MemoryStore) -> Letter {
    let [(_, letter)] = &letters.letters()[..] else { panic!("{:?}", letters.letters()) };
    letter.clone()
}

#[dead_letter(queue = "orders", store = letters)]
async fn once(
    order: &str,
    #[skip] error: Option<CallError>,
    #[skip] letters: &MemoryStore,
) -> Result<(), CallError> {
    assert!(!order.is_empty());
    error.map_or(Ok(()), Err)
}

#[tokio::test]
async fn category_decides_what_becomes_of_a_message() {
    let (timed_out, open) =
        (Rejected::timed_out("callee", secs(1)), Rejected::circuit_open("callee", None));
    for (error, reason) in [
        (CallError::Busy, Some(Reason::Exhausted)),
        (CallError::Deadlock, Some(Reason::Exhausted)),
        (CallError::CacheMiss, Some(Reason::Exhausted)),
        (CallError::Rejected(timed_out), Some(Reason::Exhausted)),
        (CallError::Absent, Some(Reason::Permanent)),
        (CallError::Unclassified, Some(Reason::Permanent)),
        (CallError::Rejected(open), None),
        (CallError::Rejected(Rejected::switched_off("orders")), None),
        (CallError::Corrupt, None),
    ] {
        let letters = MemoryStore::new();
        let outcome = once("o-1", Some(error.clone()), &letters).await;
        let stored: Vec<_> = letters.letters().iter().map(|(_, letter)| letter.reason).collect();
        assert_eq!(stored, Vec::from_iter(reason), "{error:?}");
        assert_eq!(outcome, if reason.is_some() { Ok(()) } else { Err(error) });
    }
    let letters = MemoryStore::new();
    once("o-1", None, &letters).await.unwrap();
    assert_eq!(letters.letters(), []);
}

#[tokio::test]
async fn letter_says_what_was_received_and_what_failed() {
    let (events, letters) = (Events::capture(), MemoryStore::new());
    once("o-1", Some(CallError::Absent), &letters).await.unwrap();
    let letter = only(&letters);
    assert_eq!(letter.queue, "orders");
    assert_eq!(letter.payload.content_type, "application/json");
    assert_eq!(letter.payload.bytes, br#"{"order":"o-1"}"#);
    assert_eq!(letter.failure.code, CallError::Absent.classify().code());
    assert_eq!(letter.failure.category, Some(Category::Permanent));
    assert_eq!(letter.failure.message, CallError::Absent.to_string());
    assert!(letter.failure.error_type.ends_with("CallError"), "{:?}", letter.failure);
    assert_eq!((letter.attempts, letter.first_failure), (1, letter.last_failure));
    assert_eq!(letter.request_id, None);
    assert!(letter.metadata.is_empty());
    let [sent] = &events.named("message_sent_to_dlq")[..] else { panic!("{:?}", events.names()) };
    assert_eq!(sent.field("queue"), "orders");
    assert_eq!(sent.field("letter_id"), letters.letters()[0].0.to_string());
    assert_eq!(sent.field("code"), CallError::Absent.classify().code());
    assert_eq!(sent.field("attempts"), "1");
    assert_eq!(sent.field("function"), "once");
}

#[tokio::test(start_paused = true)]
async fn transient_failure_is_stored_after_the_last_attempt() {
    #[dead_letter(queue = "orders", store = letters)]
    #[retry(idempotent, external_timeout, attempts = 3, base = "1s", jitter = "none")]
    async fn handle(
        order: u32,
        #[skip] letters: &MemoryStore,
        #[skip] calls: &AtomicU32,
    ) -> Result<(), CallError> {
        calls.fetch_add(order, Relaxed);
        Err(CallError::Busy)
    }
    let (letters, calls) = (MemoryStore::new(), AtomicU32::new(0));
    handle(1, &letters, &calls).await.unwrap();
    let letter = only(&letters);
    assert_eq!((calls.load(Relaxed), letter.attempts), (3, 3));
    assert_eq!(letter.last_failure.duration_since(letter.first_failure).unwrap(), secs(1 + 2));
}

#[tokio::test(start_paused = true)]
async fn open_circuit_stores_nothing_and_counts_no_attempt() {
    static BREAKER: CircuitBreaker = CircuitBreaker::new("payments").failure_threshold(2);

    #[dead_letter(queue = "orders", store = letters)]
    #[retry(idempotent, attempts = 5, base = "1s", jitter = "none")]
    #[circuit_breaker(BREAKER)]
    #[timeout("5s")]
    async fn handle(order: u32, #[skip] letters: &MemoryStore) -> Result<(), CallError> {
        assert_eq!(order, 7);
        Err(CallError::Busy)
    }
    let (events, letters) = (Events::capture(), MemoryStore::new());
    // The second attempt opens the circuit, which stops the retry.
    assert_eq!(handle(7, &letters).await, Err(CallError::Busy));
    let rejected = handle(7, &letters).await.unwrap_err();
    assert!(matches!(rejected, CallError::Rejected(open) if open.is_circuit_open()));
    assert_eq!(letters.letters(), []);
    let returned = events.named("message_retry");
    assert_eq!(returned.len(), 2);
    assert!(returned.iter().all(|event| event.field("reason") == "circuit_open"));
    assert!(returned.iter().all(|event| event.field("queue") == "orders"));
}

#[tokio::test]
async fn fatal_error_hands_the_message_back_and_requests_a_shutdown() {
    let (shutdown, letters) = (Shutdown::new(), MemoryStore::new());
    let handled = once("o-1", Some(CallError::Corrupt), &letters);
    assert_eq!(shutdown.clone().scope(handled).await, Err(CallError::Corrupt));
    assert_eq!(shutdown.reason().unwrap().code, CallError::Corrupt.classify().code());
}

#[tokio::test]
async fn failure_is_recorded_once() {
    #[boundary(operation = "take_order")]
    #[dead_letter(queue = "orders", store = letters)]
    async fn handle(
        order: u32,
        #[skip] error: &CallError,
        #[skip] letters: &dyn DeadLetterStore,
    ) -> Result<(), CallError> {
        assert_eq!(order, 1);
        Err(error.clone())
    }
    for (error, store) in [
        (CallError::Absent, &MemoryStore::new() as &dyn DeadLetterStore),
        (CallError::Absent, &Down),
        (CallError::Corrupt, &Down),
    ] {
        let events = Events::capture();
        let stored = handle(1, &error, store).await.is_ok();
        let reports = events.reports();
        assert_eq!(reports.len(), 1, "{error:?}, {stored}: {:?}", events.names());
        assert_eq!(reports[0].field("operation"), "take_order");
    }
}

#[tokio::test]
async fn letter_has_the_request_and_the_trace_of_its_boundary() {
    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[boundary(request_id = id, trace_parent = TRACE)]
    #[dead_letter(queue = "orders", store = letters)]
    async fn handle(id: &str, #[skip] letters: &MemoryStore) -> Result<(), CallError> {
        assert_eq!(RequestContext::current().unwrap().request_id().as_str(), id);
        Err(CallError::Absent)
    }
    let letters = MemoryStore::new();
    handle("msg-7", &letters).await.unwrap();
    let letter = only(&letters);
    assert_eq!(letter.request_id.as_deref(), Some("msg-7"));
    assert_eq!(letter.trace_parent.as_deref(), Some(TRACE));
}

#[tokio::test]
async fn message_is_not_acknowledged_if_the_letter_is_not_stored() {
    struct Orders {
        letters: Arc<dyn DeadLetterStore>,
    }

    impl Orders {
        #[dead_letter(queue = "orders", store = self.letters)]
        async fn handle(&mut self, order: u32) -> Result<(), CallError> {
            assert_eq!(order, 1);
            Err(CallError::Absent)
        }
    }
    let events = Events::capture();
    let mut orders = Orders { letters: Arc::new(Down) };
    assert_eq!(orders.handle(1).await, Err(CallError::Absent));
    let [failed] = &events.named("dead_letter_failed")[..] else { panic!("{:?}", events.names()) };
    assert_eq!(failed.field("store"), "self.letters");
    assert_eq!(failed.field("code"), CallError::Absent.classify().code());
    assert_eq!(failed.field("store_error.chain"), "[\"connection refused\"]");
}

#[tokio::test]
async fn store_that_is_not_connected_says_so() {
    static LETTERS: DeadLetters = DeadLetters::new();

    #[dead_letter(queue = "orders", store = LETTERS)]
    async fn handle(order: u32) -> Result<(), CallError> {
        assert_eq!(order, 1);
        Err(CallError::Absent)
    }
    let events = Events::capture();
    assert_eq!(handle(1).await, Err(CallError::Absent));
    let [failed] = &events.named("dead_letter_failed")[..] else { panic!("{:?}", events.names()) };
    assert_eq!(failed.field("store"), "LETTERS");
    assert!(failed.field("help").contains("call `connect`"), "{failed:?}");

    let store = Arc::new(MemoryStore::new());
    LETTERS.connect(Arc::clone(&store)).unwrap();
    assert_eq!(LETTERS.connect(Down), Err(AlreadyConnected));
    handle(1).await.unwrap();
    assert_eq!(only(&store).queue, "orders");
}

#[tokio::test]
async fn handler_can_learn_the_id() {
    type Outcome = Result<Handled<u32>, CallError>;

    #[dead_letter(queue = "orders", store = letters)]
    async fn handle(order: u32, #[skip] letters: &MemoryStore) -> Outcome {
        if order == 0 { Err(CallError::Absent) } else { Ok(Handled::Processed(order)) }
    }
    let letters = MemoryStore::new();
    assert_eq!(handle(3, &letters).await, Ok(Handled::Processed(3)));
    let stored = handle(0, &letters).await.unwrap();
    assert_eq!(stored, Handled::DeadLettered(letters.letters()[0].0));
}

#[tokio::test(start_paused = true)]
async fn dropped_call_stores_nothing() {
    #[dead_letter(queue = "orders", store = letters)]
    async fn handle(order: u32, #[skip] letters: &MemoryStore) -> Result<(), CallError> {
        assert_eq!(order, 1);
        pending().await
    }
    let letters = MemoryStore::new();
    let mut call = Box::pin(handle(1, &letters));
    assert!(poll_once(call.as_mut()).is_pending());
    drop(call);
    assert_eq!(letters.letters(), []);
}

#[tokio::test]
async fn panic_passes_through() {
    static LETTERS: DeadLetters = DeadLetters::new();

    #[dead_letter(queue = "orders", store = LETTERS)]
    async fn handle(order: u32) -> Result<(), CallError> {
        panic!("order {order}")
    }
    let store = Arc::new(MemoryStore::new());
    LETTERS.connect(Arc::clone(&store)).unwrap();
    assert!(tokio::spawn(handle(1)).await.unwrap_err().is_panic());
    assert_eq!(store.letters(), []);
}

#[tokio::test]
async fn foreign_errors_are_classified_by_a_function() {
    #[derive(Debug, PartialEq)]
    struct Foreign(bool);

    impl std::fmt::Display for Foreign {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("foreign")
        }
    }

    fn classify(error: &Foreign) -> Classification {
        if error.0 { Classification::fatal("BROKEN") } else { Classification::permanent("WRONG") }
    }

    #[dead_letter(queue = "orders", store = letters, classify = classify)]
    async fn handle(fatal: bool, #[skip] letters: &MemoryStore) -> Result<(), Foreign> {
        Err(Foreign(fatal))
    }
    let letters = MemoryStore::new();
    let shutdown = Shutdown::new();
    assert_eq!(shutdown.scope(handle(true, &letters)).await, Err(Foreign(true)));
    handle(false, &letters).await.unwrap();
    assert_eq!(only(&letters).failure.code, "WRONG");
}

/// The error is one that derives its classification.
#[test]
fn store_error_is_a_service_error() {
    fn is(_: &impl ServiceError) {}
    is(&StoreError::refused("too large"));
}
