//! RabbitMQ, on a real broker.
//!
//! AMQP doesn't tell how many messages are in delivery. So these tests end the consumer's connection,
//! and then count what the broker has: a message that wasn't acknowledged is there again.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
    QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};
use resilience::dead_letter::{MemoryStore, Reason};
use resilience::errors::{NotFound, ServiceUnavailable};
use resilience::shutdown::Shutdown;
use resilience::{Classify as _, Retry, millis, secs};
use resilience_consume::amqp::AmqpSource;
use resilience_consume::{Consumer, Json, Message};
use tokio::sync::Notify;

#[path = "suite/server.rs"]
#[allow(unreachable_pub, dead_code, reason = "shared by test binaries")]
mod server;

use server::{Controlled, unique, url};

struct Queue {
    url: String,
    _connection: Connection,
    channel: Channel,
    name: String,
}

impl Queue {
    async fn declare(name: &str, kind: &str) -> Option<Self> {
        Some(Self::at(url("amqp")?, name, kind).await)
    }

    async fn at(url: String, name: &str, kind: &str) -> Self {
        let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let queue = Self { url, _connection: connection, channel, name: unique(name) };
        queue.declare_another(&queue.name, kind).await;
        queue
    }

    async fn declare_another(&self, name: &str, kind: &str) {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), string(kind));
        let options = QueueDeclareOptions { durable: true, ..Default::default() };
        self.channel.queue_declare(name.into(), options, arguments).await.unwrap();
    }

    async fn publish(&self, payload: &[u8], properties: BasicProperties) {
        let (exchange, key) = ("".into(), self.name.as_str().into());
        let options = BasicPublishOptions::default();
        let published =
            self.channel.basic_publish(exchange, key, options, payload, properties).await;
        published.unwrap().await.unwrap();
    }

    fn source(&self) -> AmqpSource {
        AmqpSource::new(&self.url, &self.name)
    }

    /// How many messages the broker has that aren't in delivery.
    async fn ready(&self) -> u32 {
        let options = QueueDeclareOptions { passive: true, ..Default::default() };
        let name = self.name.as_str().into();
        let queue = self.channel.queue_declare(name, options, FieldTable::default()).await;
        queue.unwrap().message_count()
    }

    /// Waits until the broker has this number of messages.
    async fn until_ready(&self, expected: u32) {
        let wait = async {
            while self.ready().await != expected {
                tokio::time::sleep(millis(50)).await;
            }
        };
        let waited = tokio::time::timeout(secs(10), wait).await;
        assert!(waited.is_ok(), "{} messages instead of {expected}", self.ready().await);
    }
}

fn string(text: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(text))
}

fn id(id: &str) -> BasicProperties {
    BasicProperties::default().with_message_id(id.into()).with_delivery_mode(2)
}

const SHORT: Retry = Retry::new().base(millis(20)).max_delay(millis(100));

/// Waits until the condition holds, and then a little longer.
async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(millis(20)).await;
        }
    };
    tokio::time::timeout(secs(60), wait).await.expect("the condition");
    tokio::time::sleep(millis(200)).await;
}

#[tokio::test]
async fn message_is_acknowledged_only_after_success() {
    let Some(queue) = Queue::declare("ack", "quorum").await else { return };
    queue.publish(b"a", id("1")).await;
    let started = Arc::new(Notify::new());
    let handler = {
        let started = Arc::clone(&started);
        move |_: Message| {
            let started = Arc::clone(&started);
            async move {
                started.notify_one();
                std::future::pending::<Result<(), NotFound>>().await
            }
        }
    };
    let consumer = Consumer::new(queue.source(), MemoryStore::new(), handler).grace(millis(100));
    let summary = consumer.run_until(started.notified()).await.unwrap();
    assert_eq!((summary.processed, summary.handed_back), (0, 1));
    queue.until_ready(1).await;

    let done = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&done);
    let handler = move |message: Message| {
        assert_eq!(message.deliveries(), 2, "the broker has counted the first one");
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok::<(), NotFound>(()) }
    };
    let consumer = Consumer::new(queue.source(), MemoryStore::new(), handler);
    consumer.run_until(until(|| done.load(Ordering::SeqCst) == 1)).await.unwrap();
    queue.until_ready(0).await;
}

#[tokio::test]
async fn failures_and_panics_are_delivered_again_and_become_letters() {
    let Some(queue) = Queue::declare("fails", "quorum").await else { return };
    for text in ["heals", "fails", "panics", "permanent"] {
        queue.publish(text.as_bytes(), id(text)).await;
    }
    let handler = async |(message, text): (Message, String)| match text.as_str() {
        "heals" if message.deliveries() == 3 => Ok(()),
        "panics" => panic!("of a message"),
        "permanent" => Err(Failed::Permanent(NotFound::new("sku", "1"))),
        _ => Err(Failed::Transient(ServiceUnavailable::new("payments"))),
    };
    let letters = Arc::new(MemoryStore::new());
    let consumer =
        Consumer::new(queue.source(), Arc::clone(&letters), handler).attempts(3).backoff(SHORT);
    let summary = consumer.run_until(until(|| letters.letters().len() == 3)).await.unwrap();
    assert_eq!((summary.processed, summary.retried, summary.dead_lettered), (1, 6, 3));
    queue.until_ready(0).await;
    let mut found: Vec<_> = letters
        .letters()
        .into_iter()
        .map(|(_, letter)| (letter.dedupe_key.unwrap(), letter.reason, letter.attempts))
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        ("fails".to_owned(), Reason::Exhausted, 3),
        ("panics".to_owned(), Reason::Poison, 3),
        ("permanent".to_owned(), Reason::Permanent, 1),
    ];
    assert_eq!(found, expected);
}

#[derive(Debug, thiserror::Error, resilience::ServiceError)]
enum Failed {
    #[error(transparent)]
    #[service(transparent)]
    Permanent(NotFound),
    #[error(transparent)]
    #[service(transparent)]
    Transient(ServiceUnavailable),
}

#[tokio::test]
async fn any_payload_and_any_header_arrives() {
    let Some(queue) = Queue::declare("payloads", "quorum").await else { return };
    let large: Vec<u8> = (0..16_u32 << 20).map(|at| (at % 251) as u8).collect();
    let payloads = [Vec::new(), vec![0xff, 0, 0xfe], large];
    let mut headers = FieldTable::default();
    headers.insert("x-request-id".into(), AMQPValue::LongLongInt(7));
    headers.insert("traceparent".into(), AMQPValue::Boolean(true));
    headers.insert("table".into(), AMQPValue::FieldTable(FieldTable::default()));
    for (number, payload) in payloads.iter().enumerate() {
        queue.publish(payload, id(&number.to_string()).with_headers(headers.clone())).await;
    }
    let letters = Arc::new(MemoryStore::new());
    let handler = async |_: Json<u32>| Ok::<(), NotFound>(());
    let consumer = Consumer::new(queue.source(), Arc::clone(&letters), handler);
    consumer.run_until(until(|| letters.letters().len() == 3)).await.unwrap();
    queue.until_ready(0).await;
    let mut letters: Vec<_> = letters.letters().into_iter().map(|(_, letter)| letter).collect();
    letters.sort_by_key(|letter| letter.payload.bytes.len());
    for (letter, payload) in letters.iter().zip(payloads) {
        assert!(letter.payload.bytes == payload, "the bytes have changed");
        assert_eq!(letter.reason, Reason::Undecodable);
        assert_eq!(letter.request_id.as_deref(), Some("7"));
        assert_eq!(letter.trace_parent, None);
    }
}

#[tokio::test]
async fn missing_exchange_or_queue_is_refused_and_an_existing_one_keeps_the_letter() {
    let Some(queue) = Queue::declare("dlx", "quorum").await else { return };
    let (exchange, dead) = (unique("exchange"), unique("dead"));
    let mut source = queue.source();
    let refused = source.dead_letters_to(&exchange, &dead).await.unwrap_err();
    assert_eq!(refused.classify().code(), "BROKER_MISCONFIGURED");
    assert!(refused.to_string().contains("doesn't exist; declare it"), "{refused}");

    let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let (kind, name) = (ExchangeKind::Direct, exchange.as_str());
    let channel = &queue.channel;
    channel.exchange_declare(name.into(), kind, options, FieldTable::default()).await.unwrap();
    assert!(source.dead_letters_to(&exchange, &dead).await.is_err(), "the queue is missing");
    queue.declare_another(&dead, "quorum").await;
    let letters = source.dead_letters_to(&exchange, &dead).await.unwrap();

    queue.publish(b"a", id("1").with_expiration("600000".into())).await;
    let handler = async |_: String| Err::<(), _>(NotFound::new("sku", "a"));
    // Without a binding, the exchange drops the letter, and the message stays.
    let consumer = Consumer::new(source, letters, handler).backoff(SHORT).grace(secs(1));
    let summary = consumer.run_until(tokio::time::sleep(millis(500))).await.unwrap();
    assert_eq!((summary.dead_lettered, summary.handed_back), (0, 1));
    queue.until_ready(1).await;

    let (to, from, key) = (dead.as_str(), exchange.as_str(), dead.as_str());
    let (options, none) = (QueueBindOptions::default(), FieldTable::default());
    channel.queue_bind(to.into(), from.into(), key.into(), options, none).await.unwrap();
    let mut source = queue.source();
    let letters = source.dead_letters_to(&exchange, &dead).await.unwrap();
    let handler = async |_: String| Err::<(), _>(NotFound::new("sku", "a"));
    let consumer = Consumer::new(source, letters, handler);
    let summary = consumer.run_until(tokio::time::sleep(secs(1))).await.unwrap();
    assert_eq!(summary.dead_lettered, 1);
    queue.until_ready(0).await;
    let letter = channel.basic_get(dead.as_str().into(), BasicGetOptions { no_ack: true }).await;
    let letter = letter.unwrap().expect("the letter").delivery;
    assert_eq!(letter.data, b"a");
    assert!(letter.properties.expiration().is_none(), "a letter doesn't expire");
    let headers = letter.properties.headers().clone().unwrap();
    assert_eq!(headers.inner().get("Resilience-Code"), Some(&string("NOT_FOUND")));
    assert_eq!(headers.inner().get("Resilience-Reason"), Some(&string("permanent")));
}

#[tokio::test]
async fn queue_that_is_missing_or_counts_no_deliveries_stops_the_consumer() {
    let Some(queue) = Queue::declare("classic", "classic").await else { return };
    queue.publish(b"a", id("1")).await;
    let missing = AmqpSource::new(&queue.url, unique("missing"));
    for source in [queue.source(), missing] {
        let handler = async |_: String| Err::<(), _>(ServiceUnavailable::new("payments"));
        let consumer = Consumer::new(source, MemoryStore::new(), handler).backoff(SHORT);
        let run = Shutdown::new().scope(consumer.run());
        let stopped = tokio::time::timeout(secs(20), run).await.unwrap().unwrap_err();
        assert_eq!(stopped.classify().code(), "BROKER_MISCONFIGURED");
    }
    queue.until_ready(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_the_broker_is_restarted_under_load() {
    const MESSAGES: usize = 200;
    let Some(mut server) = Controlled::start("amqp").await else { return };
    let queue = Queue::at(server.url.clone(), "restart", "quorum").await;
    for number in 0..MESSAGES {
        let number = number.to_string();
        queue.publish(number.as_bytes(), id(&number)).await;
    }
    let seen = Arc::new(Mutex::new(std::collections::BTreeSet::new()));
    let handler = {
        let seen = Arc::clone(&seen);
        move |text: String| {
            let seen = Arc::clone(&seen);
            async move {
                tokio::time::sleep(millis(50)).await;
                seen.lock().unwrap().insert(text);
                Ok::<(), NotFound>(())
            }
        }
    };
    let letters = Arc::new(MemoryStore::new());
    let consumer = Consumer::new(queue.source(), Arc::clone(&letters), handler)
        .backoff(Retry::new().base(millis(50)).max_delay(millis(500)));
    let disturb = async {
        tokio::time::sleep(millis(300)).await;
        server.tell("restart").await;
        until(|| seen.lock().unwrap().len() == MESSAGES).await;
    };
    consumer.run_until(disturb).await.unwrap();
    assert_eq!(seen.lock().unwrap().len(), MESSAGES);
    assert!(letters.letters().is_empty());
    reconnect(&server.url, queue.name).await.until_ready(0).await;
}

/// The test's own connection was lost too.
async fn reconnect(url: &str, name: String) -> Queue {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    Queue { url: url.to_owned(), _connection: connection, channel, name }
}
