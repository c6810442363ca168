//! What every source has to do. Each test gets a queue of its own, and ends when the broker has no
//! message left, or says how many it has.

#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "each test binary uses what its source can do"
)]

use std::future::Future;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use resilience::dead_letter::{
    DeadLetterStore, Letter, MemoryStore, Reason, StoreError, StoreFuture, Stored,
};
use resilience::retry::Jitter;
use resilience::shutdown::Shutdown;
use resilience::{
    Category, Classification, Classify, Rejected, RequestContext, Retry, ServiceError, millis, secs,
};
use resilience_consume::{Consumer, Destination, FromMessage, Message, Source, Stopped, Summary};
use tokio::sync::Notify;

/// A queue of a broker.
pub trait Broker: Sync {
    type Source: Source;

    fn publish(&self, message: Message) -> impl Future<Output = ()>;
    /// A source of the queue. Only called once.
    fn source(&self) -> impl Future<Output = Self::Source>;
    /// How many messages the broker has, those in delivery included.
    fn unacknowledged(&self) -> impl Future<Output = usize>;
    /// The bytes of the largest message.
    fn largest(&self) -> usize {
        16 << 20
    }
}

#[derive(Debug, thiserror::Error, ServiceError)]
pub enum Failure {
    #[error("busy")]
    #[service(transient, code = "BUSY")]
    Transient,
    #[error("half")]
    #[service(partial, code = "HALF_DONE")]
    Partial,
    #[error("no")]
    #[service(permanent, code = "NEVER")]
    Permanent,
    #[error("no setting")]
    #[service(fatal, code = "MISSING_SETTING")]
    Fatal,
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] Rejected),
}

#[derive(Debug)]
struct Unclassified;

impl std::fmt::Display for Unclassified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an error without a category")
    }
}

impl Classify for Unclassified {
    fn classify(&self) -> Classification {
        Classification::unclassified()
    }
}

const SHORT: Retry = Retry::new().base(millis(20)).max_delay(millis(100)).jitter(Jitter::Full);

fn consumer<B: Broker, D, T, F, E>(
    source: B::Source,
    letters: D,
    handler: impl Fn(T) -> F + Send + Sync + 'static,
) -> Consumer<B::Source, D>
where
    D: Destination<<B::Source as Source>::Delivery>,
    T: FromMessage,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Classify + Send + 'static,
{
    Consumer::new(source, letters, handler).backoff(SHORT).attempts(3)
}

/// Runs a consumer until the broker has no message left.
async fn drain<B: Broker, D>(
    broker: &B,
    consumer: Consumer<B::Source, D>,
) -> Result<Summary, Stopped>
where
    D: Destination<<B::Source as Source>::Delivery>,
{
    let empty = async {
        // A broker may count a message as gone only for a moment, before it is delivered again.
        let mut times = 0;
        while times < 3 {
            tokio::time::sleep(millis(30)).await;
            times = if broker.unacknowledged().await == 0 { times + 1 } else { 0 };
        }
    };
    let run = Shutdown::new().scope(consumer.run_until(empty));
    tokio::time::timeout(secs(120), run).await.expect("the consumer is stuck")
}

async fn publish_all<B: Broker>(broker: &B, texts: impl IntoIterator<Item = &str>) {
    for (number, text) in texts.into_iter().enumerate() {
        broker.publish(Message::new(text).id(format!("m-{number}"))).await;
    }
}

pub async fn message_is_acknowledged_only_after_success<B: Broker>(broker: B) {
    publish_all(&broker, ["a"]).await;
    let (started, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (started, go) = (Arc::clone(&started), Arc::clone(&go));
        move |_: Message| {
            let (started, go) = (Arc::clone(&started), Arc::clone(&go));
            async move {
                started.notify_one();
                go.notified().await;
                Ok::<(), Failure>(())
            }
        }
    };
    let consumer = consumer::<B, _, _, _, _>(broker.source().await, MemoryStore::new(), handler);
    let look = async {
        started.notified().await;
        tokio::time::sleep(millis(100)).await;
        let before = broker.unacknowledged().await;
        go.notify_one();
        before
    };
    let (summary, before) = tokio::join!(drain(&broker, consumer), look);
    assert_eq!((summary.unwrap().processed, before), (1, 1));
    assert_eq!(broker.unacknowledged().await, 0);
}

/// A store that is down for some time, and then slow.
struct SlowStore {
    refusals: AtomicU32,
    storing: Arc<Notify>,
    go: Arc<Notify>,
    letters: Arc<MemoryStore>,
}

impl DeadLetterStore for SlowStore {
    fn store<'a>(&'a self, letter: &'a Letter) -> StoreFuture<'a, Stored> {
        Box::pin(async move {
            let down = self
                .refusals
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            if down.is_ok() {
                return Err(StoreError::unavailable("the database is down"));
            }
            self.storing.notify_one();
            self.go.notified().await;
            self.letters.store(letter).await
        })
    }
}

pub async fn dead_letter_is_durable_before_the_acknowledgement<B: Broker>(broker: B) {
    publish_all(&broker, ["a"]).await;
    let (storing, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let letters = Arc::new(MemoryStore::new());
    let store = SlowStore {
        refusals: AtomicU32::new(2),
        storing: Arc::clone(&storing),
        go: Arc::clone(&go),
        letters: Arc::clone(&letters),
    };
    let runs = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&runs);
    let handler = move |_: Message| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Err::<(), _>(Failure::Permanent) }
    };
    let consumer = consumer::<B, _, _, _, _>(broker.source().await, store, handler);
    let look = async {
        storing.notified().await;
        tokio::time::sleep(millis(100)).await;
        let before = broker.unacknowledged().await;
        go.notify_one();
        before
    };
    let (summary, before) = tokio::join!(drain(&broker, consumer), look);
    let summary = summary.unwrap();
    assert_eq!((summary.dead_lettered, summary.pauses, before), (1, 2, 1));
    assert_eq!(letters.letters().len(), 1);
    assert_eq!(runs.load(Ordering::SeqCst), 1, "the handler isn't run again for its letter");
}

pub async fn transient_failures_are_delivered_again_and_then_exhausted<B: Broker>(broker: B) {
    publish_all(&broker, ["heals", "transient", "partial"]).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let handler = {
        let seen = Arc::clone(&seen);
        move |(message, text): (Message, String)| {
            seen.lock().unwrap().push((text.clone(), message.deliveries()));
            async move {
                match (text.as_str(), message.deliveries()) {
                    ("heals", 1 | 2) | ("transient", _) => Err(Failure::Transient),
                    ("partial", _) => Err(Failure::Partial),
                    _ => Ok(()),
                }
            }
        }
    };
    let letters = Arc::new(MemoryStore::new());
    let consumer = consumer::<B, _, _, _, _>(broker.source().await, Arc::clone(&letters), handler);
    let summary = drain(&broker, consumer).await.unwrap();
    assert_eq!((summary.processed, summary.retried, summary.dead_lettered), (1, 6, 2));
    let mut seen = seen.lock().unwrap().clone();
    seen.sort();
    let expected: Vec<_> = ["heals", "partial", "transient"]
        .into_iter()
        .flat_map(|text| (1..=3).map(move |deliveries| (text.to_owned(), deliveries)))
        .collect();
    assert_eq!(seen, expected);
    let letters = letters.letters();
    assert!(letters.iter().all(|(_, letter)| {
        letter.reason == Reason::Exhausted
            && letter.attempts == 3
            && letter.first_failure <= letter.last_failure
    }));
    let mut codes: Vec<_> =
        letters.iter().map(|(_, letter)| letter.failure.code.as_str()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["BUSY", "HALF_DONE"]);
}

pub async fn permanent_and_unclassified_errors_are_dead_lettered_at_once<B: Broker>(broker: B) {
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let message = Message::new("{\"sku\":1}").id("order-1").content_type("application/json");
    let message = message.header("x-request-id", "req-1").header("traceparent", trace);
    broker.publish(message).await;
    let contexts = Arc::new(Mutex::new(Vec::new()));
    let handler = {
        let contexts = Arc::clone(&contexts);
        move |_: Message| {
            let contexts = Arc::clone(&contexts);
            async move {
                let context = RequestContext::current().unwrap();
                contexts.lock().unwrap().push(context.request_id().as_str().to_owned());
                Err::<(), _>(Unclassified)
            }
        }
    };
    let letters = Arc::new(MemoryStore::new());
    let source = broker.source().await;
    let queue = source.queue().to_owned();
    let consumer = consumer::<B, _, _, _, _>(source, Arc::clone(&letters), handler);
    let summary = drain(&broker, consumer).await.unwrap();
    assert_eq!((summary.retried, summary.dead_lettered), (0, 1));
    assert_eq!(*contexts.lock().unwrap(), ["req-1"]);
    let (_, letter) = letters.letters().pop().unwrap();
    assert_eq!(letter.payload.bytes, b"{\"sku\":1}");
    assert_eq!(letter.payload.content_type, "application/json");
    assert_eq!((letter.queue, letter.reason, letter.attempts), (queue, Reason::Permanent, 1));
    assert_eq!(letter.request_id.as_deref(), Some("req-1"));
    assert_eq!(letter.trace_parent.as_deref(), Some(trace));
    assert!(letter.dedupe_key.is_some());
    assert_eq!(letter.failure.category, None);
    assert_eq!(letter.failure.message, "an error without a category");
}

pub async fn panic_is_an_attempt_and_ends_as_poison<B: Broker>(broker: B) {
    publish_all(&broker, ["good", "panics"]).await;
    let runs = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&runs);
    let handler = move |text: String| {
        let count = Arc::clone(&count);
        async move {
            if text == "panics" {
                count.fetch_add(1, Ordering::SeqCst);
                panic!("of a message");
            }
            Ok::<(), Failure>(())
        }
    };
    let letters = Arc::new(MemoryStore::new());
    let consumer = consumer::<B, _, _, _, _>(broker.source().await, Arc::clone(&letters), handler);
    let summary = drain(&broker, consumer).await.unwrap();
    assert_eq!((summary.processed, summary.dead_lettered), (1, 1));
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    let (_, letter) = letters.letters().pop().unwrap();
    assert_eq!((letter.reason, letter.attempts), (Reason::Poison, 3));
    assert_eq!(letter.failure.code, "PANIC");
    assert_eq!(letter.payload.bytes, b"panics");
}

pub async fn fatal_error_hands_everything_back_and_stops<B: Broker>(broker: B) {
    publish_all(&broker, ["a", "b", "c"]).await;
    let letters = Arc::new(MemoryStore::new());
    let handler = async |_: Message| Err::<(), _>(Failure::Fatal);
    let consumer = consumer::<B, _, _, _, _>(broker.source().await, Arc::clone(&letters), handler);
    let stopped = drain(&broker, consumer.concurrency(1)).await.unwrap_err();
    assert_eq!(stopped.classify().category(), Some(Category::Fatal));
    assert_eq!(stopped.classify().code(), "MISSING_SETTING");
    assert!(stopped.summary.handed_back >= 1, "{stopped:?}");
    assert_eq!(broker.unacknowledged().await, 3);
    assert!(letters.letters().is_empty());
}

pub async fn open_circuit_pauses_and_counts_no_attempt<B: Broker>(broker: B) {
    publish_all(&broker, ["a"]).await;
    let runs = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&runs);
    let handler = move |message: Message| {
        let run = count.fetch_add(1, Ordering::SeqCst);
        async move {
            assert_eq!(message.deliveries(), 1);
            // More often than a message may be tried.
            if run < 5 {
                Err(Failure::from(Rejected::circuit_open("payments", Some(millis(40)))))
            } else {
                Ok(())
            }
        }
    };
    let letters = Arc::new(MemoryStore::new());
    let consumer = consumer::<B, _, _, _, _>(broker.source().await, Arc::clone(&letters), handler);
    let summary = drain(&broker, consumer).await.unwrap();
    assert_eq!((summary.processed, summary.pauses, summary.retried), (1, 5, 0));
    assert!(letters.letters().is_empty());
}

pub async fn any_payload_arrives_unchanged<B: Broker>(broker: B) {
    let bytes: Vec<u8> = (0..=250).cycle().take(broker.largest()).collect();
    let payloads = [Vec::new(), vec![0xff, 0, 0xfe], bytes];
    for (number, payload) in payloads.iter().enumerate() {
        broker.publish(Message::new(payload.clone()).id(format!("m-{number}"))).await;
    }
    let letters = Arc::new(MemoryStore::new());
    let handler = async |_: resilience_consume::Json<u32>| Ok::<(), Failure>(());
    let consumer = consumer::<B, _, _, _, _>(broker.source().await, Arc::clone(&letters), handler);
    let summary = drain(&broker, consumer).await.unwrap();
    assert_eq!((summary.dead_lettered, summary.retried), (3, 0));
    let mut found: Vec<_> = letters
        .letters()
        .into_iter()
        .map(|(_, letter)| {
            assert_eq!(letter.reason, Reason::Undecodable);
            assert_eq!(letter.failure.code, "UNDECODABLE_MESSAGE");
            letter.payload.bytes
        })
        .collect();
    found.sort_by_key(Vec::len);
    assert!(found == payloads, "the bytes have changed");
}

pub async fn expired_message_is_not_run<B: Broker>(broker: B) {
    let hour_ago = SystemTime::now() - secs(3_600);
    broker.publish(Message::new("old").id("m-0").published_at(hour_ago)).await;
    broker.publish(Message::new("new").id("m-1").published_at(SystemTime::now())).await;
    let letters = Arc::new(MemoryStore::new());
    let handler = async |text: String| {
        assert_eq!(text, "new");
        Ok::<(), Failure>(())
    };
    let consumer = consumer::<B, _, _, _, _>(broker.source().await, Arc::clone(&letters), handler);
    let summary = drain(&broker, consumer.max_age(secs(60))).await.unwrap();
    assert_eq!((summary.processed, summary.dead_lettered), (1, 1));
    let (_, letter) = letters.letters().pop().unwrap();
    assert_eq!((letter.reason, letter.attempts), (Reason::Expired, 0));
}

pub async fn messages_of_a_key_keep_their_order<B: Broker>(broker: B) {
    let texts: Vec<_> = (0..40).map(|number| format!("{}-{number}", number % 4)).collect();
    publish_all(&broker, texts.iter().map(String::as_str)).await;
    let done = Arc::new(Mutex::new(Vec::new()));
    let failed = Arc::new(Mutex::new(Vec::new()));
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let handler = {
        let (done, running, most) = (Arc::clone(&done), Arc::clone(&running), Arc::clone(&most));
        move |text: String| {
            let (done, failed) = (Arc::clone(&done), Arc::clone(&failed));
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(millis(5)).await;
                running.fetch_sub(1, Ordering::SeqCst);
                let is_new = {
                    let mut failed = failed.lock().unwrap();
                    let is_new = !failed.contains(&text);
                    failed.push(text.clone());
                    is_new
                };
                // Each third message fails once.
                if is_new && text.bytes().map(u32::from).sum::<u32>() % 3 == 0 {
                    return Err(Failure::Transient);
                }
                done.lock().unwrap().push(text);
                Ok(())
            }
        }
    };
    let consumer = consumer::<B, _, _, _, _>(broker.source().await, MemoryStore::new(), handler)
        .concurrency(6)
        .ordered_by(|message| message.payload()[0]);
    let summary = drain(&broker, consumer).await.unwrap();
    assert_eq!(summary.processed, 40);
    assert!(summary.retried > 0);
    let most = most.load(Ordering::SeqCst);
    assert!((2..=4).contains(&most), "{most} ran at once");
    for key in ["0-", "1-", "2-", "3-"] {
        let of_key = |texts: &[String]| {
            texts.iter().filter(|text| text.starts_with(key)).cloned().collect::<Vec<_>>()
        };
        assert_eq!(of_key(&done.lock().unwrap()), of_key(&texts));
    }
}

pub async fn concurrency_is_bounded<B: Broker>(broker: B) {
    let texts: Vec<_> = (0..30).map(|number| number.to_string()).collect();
    publish_all(&broker, texts.iter().map(String::as_str)).await;
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let handler = {
        let most = Arc::clone(&most);
        move |_: Message| {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(millis(20)).await;
                running.fetch_sub(1, Ordering::SeqCst);
                Ok::<(), Failure>(())
            }
        }
    };
    let consumer = consumer::<B, _, _, _, _>(broker.source().await, MemoryStore::new(), handler);
    let summary = drain(&broker, consumer.concurrency(3)).await.unwrap();
    assert_eq!((summary.processed, most.load(Ordering::SeqCst)), (30, 3));
}

pub async fn shutdown_finishes_what_it_can_and_returns_the_rest<B: Broker>(broker: B) {
    publish_all(&broker, ["short", "long", "waits"]).await;
    let started = Arc::new(Notify::new());
    let handler = {
        let started = Arc::clone(&started);
        move |text: String| {
            let started = Arc::clone(&started);
            async move {
                assert_ne!(text, "waits", "no message is begun after the stop");
                if text == "long" {
                    started.notify_one();
                }
                let time = if text == "short" { millis(300) } else { Duration::MAX };
                tokio::time::sleep(time).await;
                Ok::<(), Failure>(())
            }
        }
    };
    let source = broker.source().await;
    let consumer = consumer::<B, _, _, _, _>(source, MemoryStore::new(), handler).concurrency(2);
    let stop = async { started.notified().await };
    let run = Shutdown::new().scope(consumer.grace(secs(1)).run_until(stop));
    let summary = tokio::time::timeout(secs(60), run).await.expect("stuck").unwrap();
    assert_eq!((summary.processed, summary.handed_back), (1, 1));
    assert_eq!(broker.unacknowledged().await, 2);
}

/// Writes a test of each function above: `conformance!(connect => paused)`.
#[macro_export]
macro_rules! conformance {
    ($broker:expr, $($runtime:tt)*) => {
        $crate::conformance!(@ $broker, ($($runtime)*)
            message_is_acknowledged_only_after_success
            dead_letter_is_durable_before_the_acknowledgement
            transient_failures_are_delivered_again_and_then_exhausted
            permanent_and_unclassified_errors_are_dead_lettered_at_once
            panic_is_an_attempt_and_ends_as_poison
            fatal_error_hands_everything_back_and_stops
            open_circuit_pauses_and_counts_no_attempt
            any_payload_arrives_unchanged
            messages_of_a_key_keep_their_order
            concurrency_is_bounded
            shutdown_finishes_what_it_can_and_returns_the_rest
        );
    };
    (@ $broker:expr, $runtime:tt $($test:ident)*) => {$(
        $crate::conformance!(! $runtime $test $broker);
    )*};
    (! ($($runtime:tt)*) $test:ident $broker:expr) => {
        #[tokio::test($($runtime)*)]
        async fn $test() {
            if let Some(broker) = ($broker)(stringify!($test)).await {
                suite::$test(broker).await;
            }
        }
    };
}
