//! NATS JetStream, on a real server.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::{self, Context, stream};
use resilience::dead_letter::MemoryStore;
use resilience::errors::NotFound;
use resilience::{Classify as _, millis, secs};
use resilience_consume::nats::NatsSource;
use resilience_consume::{Consumer, Message};

mod suite;

use suite::server::{Controlled, unique, url};

struct Nats {
    context: Context,
    stream: String,
}

impl suite::Broker for Nats {
    type Source = NatsSource;

    async fn publish(&self, message: Message) {
        let mut headers = async_nats::HeaderMap::new();
        for (name, value) in message.headers() {
            headers.insert(name.as_str(), value.as_str());
        }
        headers.insert("content-type", message.media_type());
        let payload = message.payload().to_vec().into();
        let stored = self.context.publish_with_headers(self.stream.clone(), headers, payload);
        stored.await.unwrap().await.unwrap();
    }

    async fn source(&self) -> NatsSource {
        NatsSource::new(self.context.clone(), &self.stream, "consumer")
    }

    async fn unacknowledged(&self) -> usize {
        let stream = self.context.get_stream(&self.stream).await.unwrap();
        let info = stream.consumer_info("consumer").await.unwrap();
        info.num_ack_pending + usize::try_from(info.num_pending).unwrap()
    }

    /// The server's default limit is 1 MiB, headers included.
    fn largest(&self) -> usize {
        (1 << 20) - 1_024
    }
}

async fn connect(url: &str, name: &str, config: pull::Config) -> Nats {
    let context = jetstream::new(async_nats::connect(url).await.unwrap());
    let name = unique(name);
    let stream =
        stream::Config { name: name.clone(), subjects: vec![name.clone()], ..Default::default() };
    let stream = context.create_stream(stream).await.unwrap();
    let config = pull::Config {
        durable_name: Some("consumer".to_owned()),
        ack_policy: AckPolicy::Explicit,
        ..config
    };
    stream.create_consumer(config).await.unwrap();
    Nats { context, stream: name }
}

async fn nats(name: &str) -> Option<Nats> {
    let config = pull::Config { ack_wait: secs(2), ..Default::default() };
    Some(connect(&url("nats")?, name, config).await)
}

conformance!(nats, flavor = "multi_thread");

#[tokio::test]
async fn handler_that_takes_longer_than_ack_wait_runs_once() {
    let Some(url) = url("nats") else { return };
    let config = pull::Config { ack_wait: millis(300), ..Default::default() };
    let broker = connect(&url, "long", config).await;
    suite::Broker::publish(&broker, Message::new("a")).await;
    let handler = async |message: Message| {
        assert_eq!(message.deliveries(), 1);
        tokio::time::sleep(millis(1_200)).await;
        Ok::<(), NotFound>(())
    };
    let source = suite::Broker::source(&broker).await;
    let consumer = Consumer::new(source, MemoryStore::new(), handler);
    let summary = consumer.run_until(tokio::time::sleep(secs(2))).await.unwrap();
    assert_eq!((summary.processed, summary.retried), (1, 0));
    assert_eq!(suite::Broker::unacknowledged(&broker).await, 0);
}

#[tokio::test]
async fn server_keeps_the_dead_letter_with_its_headers() {
    let Some(broker) = nats("kept").await else { return };
    let dead = unique("dead");
    let mut source = suite::Broker::source(&broker).await;
    let refused = source.dead_letters_to(dead.clone()).await.unwrap_err();
    assert_eq!(refused.classify().code(), "BROKER_MISCONFIGURED");
    assert!(refused.to_string().contains("no stream keeps the subject"), "{refused}");

    let config =
        stream::Config { name: dead.clone(), subjects: vec![dead.clone()], ..Default::default() };
    let mut kept = broker.context.create_stream(config).await.unwrap();
    let letters = source.dead_letters_to(dead.clone()).await.unwrap();
    let message = Message::new("a").header("x-request-id", "req-1");
    suite::Broker::publish(&broker, message).await;
    let handler = async |_: String| Err::<(), _>(NotFound::new("sku", "a"));
    let consumer = Consumer::new(source, letters, handler);
    let summary = consumer.run_until(tokio::time::sleep(secs(1))).await.unwrap();
    assert_eq!(summary.dead_lettered, 1);
    assert_eq!(suite::Broker::unacknowledged(&broker).await, 0);
    assert_eq!(kept.info().await.unwrap().state.messages, 1);
    let letter = kept.get_last_raw_message_by_subject(&dead).await.unwrap();
    assert_eq!(&letter.payload[..], b"a");
    let header = |name: &str| letter.headers.get(name).map(|value| value.as_str().to_owned());
    assert_eq!(header("Resilience-Reason").as_deref(), Some("permanent"));
    assert_eq!(header("Resilience-Code").as_deref(), Some("NOT_FOUND"));
    assert_eq!(header("Resilience-Request-Id").as_deref(), Some("req-1"));
    assert_eq!(header("x-request-id").as_deref(), Some("req-1"));
}

#[tokio::test]
async fn consumer_that_would_lose_messages_is_refused() {
    let Some(url) = url("nats") else { return };
    let limited = pull::Config { max_deliver: 3, ..Default::default() };
    let broker = connect(&url, "limited", limited).await;
    let missing = NatsSource::new(broker.context.clone(), &broker.stream, "other");
    let no_stream = NatsSource::new(broker.context.clone(), "no-such-stream", "consumer");
    let limited = suite::Broker::source(&broker).await;
    for source in [limited, missing, no_stream] {
        let handler = async |_: String| Ok::<(), NotFound>(());
        let consumer = Consumer::new(source, MemoryStore::new(), handler);
        let run = resilience::shutdown::Shutdown::new().scope(consumer.run());
        let stopped = tokio::time::timeout(secs(20), run).await.unwrap().unwrap_err();
        assert_eq!(stopped.classify().code(), "BROKER_MISCONFIGURED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_the_server_is_restarted_under_load() {
    const MESSAGES: usize = 300;
    let Some(mut server) = Controlled::start("nats").await else { return };
    let config = pull::Config { ack_wait: secs(2), ..Default::default() };
    let broker = connect(&server.url, "restart", config).await;
    for number in 0..MESSAGES {
        suite::Broker::publish(&broker, Message::new(number.to_string())).await;
    }
    let seen = std::sync::Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
    let handler = {
        let seen = std::sync::Arc::clone(&seen);
        move |text: String| {
            let seen = std::sync::Arc::clone(&seen);
            async move {
                tokio::time::sleep(millis(20)).await;
                seen.lock().unwrap().insert(text);
                Ok::<(), NotFound>(())
            }
        }
    };
    let letters = std::sync::Arc::new(MemoryStore::new());
    let source = suite::Broker::source(&broker).await;
    let consumer = Consumer::new(source, std::sync::Arc::clone(&letters), handler)
        .attempts(20)
        .backoff(resilience::Retry::new().base(millis(50)).max_delay(millis(500)));
    let disturb = async {
        for _ in 0..2 {
            tokio::time::sleep(millis(150)).await;
            server.tell("restart").await;
        }
        let all = async {
            while seen.lock().unwrap().len() < MESSAGES
                || suite::Broker::unacknowledged(&broker).await > 0
            {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(secs(60), all).await.expect("all messages");
    };
    consumer.run_until(disturb).await.unwrap();
    assert_eq!(seen.lock().unwrap().len(), MESSAGES);
    assert!(letters.letters().is_empty());
}
