//! NATS JetStream, with a durable pull consumer.
//!
//! | | |
//! |---|---|
//! | acknowledged | with a confirmation of the server |
//! | delivered again | by the server, after the delay that the consumer asks for |
//! | deliveries | counted by the server, also those of a process that was killed |
//! | long handlers | tell the server that they are in progress, each third of `ack_wait` |
//! | after a crash | the server delivers the message again when `ack_wait` is over |
//! | dead letters | [`dead_letters_to`](NatsSource::dead_letters_to) a subject of a stream, or a store |
//!
//! One message is pulled for each free place, so none waits in this process while its `ack_wait`
//! runs.
//!
//! ```no_run
//! use async_nats::jetstream::{self, consumer::{AckPolicy, pull}, stream};
//! use resilience::errors::NotFound;
//! use resilience_consume::{Consumer, nats::NatsSource};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let jetstream = jetstream::new(async_nats::connect("nats://localhost:4222").await?);
//! let orders = jetstream.create_stream(stream::Config {
//!     name: "ORDERS".into(),
//!     subjects: vec!["orders.>".into()],
//!     ..Default::default()
//! });
//! orders.await?.create_consumer(pull::Config {
//!     durable_name: Some("billing".into()),
//!     ack_policy: AckPolicy::Explicit,
//!     ..Default::default()
//! }).await?;
//! jetstream.create_stream(stream::Config {
//!     name: "DEAD".into(),
//!     subjects: vec!["dead.>".into()],
//!     ..Default::default()
//! }).await?;
//!
//! let mut source = NatsSource::new(jetstream, "ORDERS", "billing");
//! let dead_letters = source.dead_letters_to("dead.orders").await?;
//! let handler = async |text: String| Ok::<(), NotFound>(drop(text));
//! Consumer::new(source, dead_letters, handler).run().await?;
//! # Ok(()) }
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_nats::header::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer};
use async_nats::jetstream::{AckKind, Context};
use futures_util::StreamExt as _;
use resilience::dead_letter::{Letter, StoreError};

use crate::{BrokerDeadLetters, DeadLettering, Delivery, Message, Source, SourceError};

/// How long the server waits for a message before it is asked again.
const PULL: Duration = Duration::from_secs(5);

/// A durable pull consumer of a stream. The consumer and the stream have to exist.
pub struct NatsSource {
    context: Context,
    stream: String,
    name: String,
    queue: String,
    dead_letters: Option<Arc<str>>,
    consumer: Option<(PullConsumer, Duration)>,
}

impl fmt::Debug for NatsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsSource").field("queue", &self.queue).finish_non_exhaustive()
    }
}

impl NatsSource {
    /// A source of the consumer `name` of this stream. The client reconnects by itself. Connects to
    /// nothing yet: the first message does, and checks the consumer.
    ///
    /// The consumer must have explicit acknowledgements, and no `max_deliver`: the server silently
    /// drops a message that was delivered that often.
    pub fn new(context: Context, stream: impl Into<String>, name: impl Into<String>) -> Self {
        let (stream, name) = (stream.into(), name.into());
        let queue = format!("{stream}.{name}");
        Self { context, stream, name, queue, dead_letters: None, consumer: None }
    }

    /// Has the server keep the dead letters of this source: a copy of each message, with its headers
    /// and with `Resilience-*` headers that tell why, is published to this subject. The message is
    /// removed after the stream of that subject has stored the copy.
    ///
    /// # Errors
    ///
    /// [`SourceError::misconfigured`] if no stream keeps the subject;
    /// [`SourceError::unavailable`] if the server can't be asked.
    pub async fn dead_letters_to(
        &mut self,
        subject: impl Into<String>,
    ) -> Result<BrokerDeadLetters<NatsDelivery>, SourceError> {
        use async_nats::jetstream::context::GetStreamByNameErrorKind as Kind;
        let subject = subject.into();
        if let Err(error) = self.context.stream_by_subject(subject.as_str()).await {
            return Err(match error.kind() {
                Kind::NotFound | Kind::InvalidSubject => SourceError::misconfigured(format!(
                    "no stream keeps the subject {subject:?} of the dead letters; create one"
                )),
                _ => SourceError::unavailable(error),
            });
        }
        self.dead_letters = Some(subject.into());
        Ok(BrokerDeadLetters::of_source(self))
    }

    /// Finds the consumer, and checks that it loses no message.
    async fn connect(&self) -> Result<(PullConsumer, Duration), SourceError> {
        use async_nats::jetstream::context::GetStreamErrorKind as Kind;
        let Self { stream, name, .. } = self;
        let missing = |what: String| Err(SourceError::misconfigured(what));
        let found = match self.context.get_stream(stream).await {
            Ok(found) => found,
            Err(error) => {
                return match error.kind() {
                    Kind::JetStream(told) if told.code() != 404 => {
                        Err(SourceError::unavailable(error))
                    }
                    Kind::Request => Err(SourceError::unavailable(error)),
                    _ => missing(format!("there is no stream {stream:?}; create it")),
                };
            }
        };
        let info = match found.consumer_info(name).await {
            Ok(info) => info,
            Err(error) => {
                use async_nats::jetstream::context::ConsumerInfoErrorKind as Kind;
                return match error.kind() {
                    Kind::NotFound | Kind::InvalidName => {
                        missing(format!("stream {stream:?} has no consumer {name:?}; create it"))
                    }
                    _ => Err(SourceError::unavailable(error)),
                };
            }
        };
        let config = &info.config;
        if config.ack_policy != AckPolicy::Explicit {
            return missing(format!("consumer {name:?} needs explicit acknowledgements"));
        }
        if config.max_deliver > 0 {
            let limit = config.max_deliver;
            return missing(format!(
                "consumer {name:?} drops a message after {limit} deliveries; set max_deliver to -1"
            ));
        }
        // The server takes the first of these in place of `ack_wait`.
        let ack_wait = config.backoff.iter().copied().min().unwrap_or(config.ack_wait);
        let consumer = match found.get_consumer(name).await {
            Ok(consumer) => consumer,
            Err(_) if config.deliver_subject.is_some() => {
                return missing(format!("consumer {name:?} pushes; create one that is pulled"));
            }
            Err(error) => return Err(SourceError::unavailable(error)),
        };
        Ok((consumer, (ack_wait / 3).max(Duration::from_millis(10))))
    }

    async fn pull(&mut self) -> Result<Option<NatsDelivery>, SourceError> {
        let (consumer, extend_every) = match self.consumer.take() {
            Some(consumer) => consumer,
            None => self.connect().await?,
        };
        let pull = consumer.batch().max_messages(1).expires(PULL).messages();
        let mut messages = pull.await.map_err(SourceError::unavailable)?;
        let pulled = messages.next().await;
        let Some(pulled) = pulled else {
            // Nobody published anything. Look at the consumer again, which may have been removed.
            return Ok(None);
        };
        let inner = pulled.map_err(SourceError::unavailable)?;
        self.consumer = Some((consumer, extend_every));
        let message = read(&inner)?;
        let context = self.context.clone();
        let dead_letters = self.dead_letters.clone();
        Ok(Some(NatsDelivery { context, inner, message, extend_every, dead_letters }))
    }
}

impl Source for NatsSource {
    type Delivery = NatsDelivery;

    fn queue(&self) -> &str {
        &self.queue
    }

    async fn receive(&mut self) -> Result<Option<NatsDelivery>, SourceError> {
        loop {
            if let Some(delivery) = self.pull().await? {
                return Ok(Some(delivery));
            }
        }
    }
}

fn read(inner: &async_nats::jetstream::Message) -> Result<Message, SourceError> {
    let info = inner.info().map_err(SourceError::misconfigured)?;
    let mut message = Message::new(inner.payload.to_vec())
        .id(format!("{}:{}", info.stream, info.stream_sequence))
        .delivered(u32::try_from(info.delivered).unwrap_or(u32::MAX))
        .header("nats-subject", inner.subject.as_str());
    if let Some(time) = inner.reply.as_deref().and_then(published_at) {
        message = message.published_at(time);
    }
    for (name, values) in inner.headers.iter().flat_map(HeaderMap::iter) {
        let name: &str = name.as_ref();
        let Some(value) = values.first() else { continue };
        if name.eq_ignore_ascii_case("content-type") {
            message = message.content_type(value.as_str());
        }
        message = message.header(name, value.as_str());
    }
    Ok(message)
}

/// The time in the reply subject. The client gives it as a type of `time` or of `chrono`, which
/// depends on a feature that another crate may turn on.
fn published_at(reply: &str) -> Option<SystemTime> {
    let tokens: Vec<_> = reply.split('.').collect();
    let nanos = tokens.get(if tokens.len() == 9 { 7 } else { 9 })?.parse().ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(nanos))
}

/// A message on its way. If it is dropped, the server delivers it again after `ack_wait`.
pub struct NatsDelivery {
    context: Context,
    inner: async_nats::jetstream::Message,
    message: Message,
    extend_every: Duration,
    dead_letters: Option<Arc<str>>,
}

impl fmt::Debug for NatsDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsDelivery").field("message", &self.message).finish_non_exhaustive()
    }
}

impl NatsDelivery {
    async fn settle(&self, kind: AckKind) -> Result<(), SourceError> {
        self.inner.double_ack_with(kind).await.map_err(SourceError::unavailable)
    }
}

impl Delivery for NatsDelivery {
    fn message(&self) -> &Message {
        &self.message
    }

    async fn ack(&self) -> Result<(), SourceError> {
        self.settle(AckKind::Ack).await
    }

    async fn retry(&self, delay: Duration) -> Result<(), SourceError> {
        self.settle(AckKind::Nak(Some(delay).filter(|delay| !delay.is_zero()))).await
    }

    async fn term(&self) -> Result<(), SourceError> {
        self.settle(AckKind::Term).await
    }

    fn extend_every(&self) -> Option<Duration> {
        Some(self.extend_every)
    }

    async fn extend(&self) -> Result<(), SourceError> {
        self.inner.ack_with(AckKind::Progress).await.map_err(SourceError::unavailable)
    }
}

impl DeadLettering for NatsDelivery {
    async fn dead_letter(&self, letter: &Letter) -> Result<(), StoreError> {
        let Some(subject) = &self.dead_letters else {
            return Err(StoreError::refused("the source has no subject for dead letters"));
        };
        let mut headers = HeaderMap::new();
        for (name, values) in self.inner.headers.iter().flat_map(HeaderMap::iter) {
            let text: &str = name.as_ref();
            // The server acts on its own headers, such as the expected sequence.
            if !text.to_ascii_lowercase().starts_with("nats-") {
                for value in values {
                    headers.append(name.clone(), value.clone());
                }
            }
        }
        for (name, value) in crate::source::facts(letter) {
            headers.insert(format!("Resilience-{name}"), value);
        }
        if let Some(key) = &letter.dedupe_key {
            headers.insert(async_nats::header::NATS_MESSAGE_ID, format!("dead:{key}"));
        }
        let stored = self.context.publish_with_headers(
            subject.to_string(),
            headers,
            self.inner.payload.clone(),
        );
        stored.await.map_err(StoreError::unavailable)?.await.map_err(StoreError::unavailable)?;
        Ok(())
    }
}
