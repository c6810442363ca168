//! RabbitMQ, with a quorum queue.
//!
//! | | |
//! |---|---|
//! | acknowledged | without a confirmation, as AMQP has it: a lost acknowledgement means another delivery |
//! | delivered again | at once, so the consumer keeps the message for the delay. It counts towards the prefetch, which is the concurrency |
//! | deliveries | counted by quorum queues in `x-delivery-count`, also those of a process that was killed |
//! | long handlers | need a `consumer_timeout` of the broker (30 minutes by default) that is longer |
//! | after a crash | the broker delivers the message again when the connection is lost |
//! | dead letters | [`dead_letters_to`](AmqpSource::dead_letters_to) an exchange, or a store |
//!
//! The queue must be a [quorum queue](https://www.rabbitmq.com/docs/quorum-queues): a classic one
//! doesn't count deliveries, so the consumer stops when it receives a message of one again. If the
//! queue has a delivery limit, it must be higher than the consumer's attempts; without a dead-letter
//! exchange of its own, the queue drops what exceeds it.
//!
//! A message has an id if its publisher sets the property `message-id`. Without one, a letter that
//! is stored twice, because the process was killed between storing and acknowledging, isn't
//! recognized.
//!
//! ```no_run
//! use resilience::errors::NotFound;
//! use resilience_consume::{Consumer, amqp::AmqpSource};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let mut source = AmqpSource::new("amqp://localhost:5672/%2f", "orders");
//! let dead_letters = source.dead_letters_to("orders.dlx", "orders.dead").await?;
//! let handler = async |text: String| Ok::<(), NotFound>(drop(text));
//! Consumer::new(source, dead_letters, handler).run().await?;
//! # Ok(()) }
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, QueueDeclareOptions,
};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ErrorKind,
    ExchangeKind,
};
use resilience::dead_letter::{Letter, StoreError};

use crate::{BrokerDeadLetters, DeadLettering, Delivery, Message, Source, SourceError};

/// A quorum queue. It has to exist.
pub struct AmqpSource {
    uri: String,
    queue: String,
    prefetch: u16,
    dead_letters: Option<Arc<DeadLetterExchange>>,
    link: Option<Link>,
}

struct DeadLetterExchange {
    exchange: String,
    queue: String,
}

/// A connection that delivers.
struct Link {
    connection: Connection,
    channel: Channel,
    consumer: lapin::Consumer,
}

/// Shows no URI, which may have a password.
impl fmt::Debug for AmqpSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmqpSource").field("queue", &self.queue).finish_non_exhaustive()
    }
}

impl AmqpSource {
    /// A source of this queue. Connects when the first message is received, and again when the
    /// connection was lost. Each time, it checks that the queue exists.
    pub fn new(uri: impl Into<String>, queue: impl Into<String>) -> Self {
        let (uri, queue) = (uri.into(), queue.into());
        Self { uri, queue, prefetch: 1, dead_letters: None, link: None }
    }

    /// Has the broker keep the dead letters of this source: a copy of each message, with its headers
    /// and with `Resilience-*` headers that tell why, is published to this exchange, with the name of
    /// the queue as its routing key. The message is removed after the broker has confirmed the copy.
    ///
    /// Connects and checks that both exist, because a broker silently drops what it dead-letters to
    /// an exchange that doesn't. A copy that the exchange can't route isn't taken for stored.
    ///
    /// # Errors
    ///
    /// [`SourceError::misconfigured`] if the exchange or the queue doesn't exist, with what to
    /// declare; [`SourceError::unavailable`] if the broker can't be asked.
    pub async fn dead_letters_to(
        &mut self,
        exchange: impl Into<String>,
        queue: impl Into<String>,
    ) -> Result<BrokerDeadLetters<AmqpDelivery>, SourceError> {
        let target = DeadLetterExchange { exchange: exchange.into(), queue: queue.into() };
        let connection = self.connect().await?;
        let checked = target.check(&connection).await;
        // It was only needed for the check.
        let _ = connection.close(200, "checked".into()).await;
        checked?;
        self.dead_letters = Some(Arc::new(target));
        Ok(BrokerDeadLetters::of_source(self))
    }

    async fn connect(&self) -> Result<Connection, SourceError> {
        Connection::connect(&self.uri, ConnectionProperties::default()).await.map_err(|error| {
            match error.kind() {
                ErrorKind::AuthProviderError(_) | ErrorKind::InvalidProtocolVersion(_) => {
                    SourceError::misconfigured(error)
                }
                _ => SourceError::unavailable(error),
            }
        })
    }

    async fn link(&self) -> Result<Link, SourceError> {
        let connection = self.connect().await?;
        check_queue(&connection, &self.queue).await?;
        if let Some(target) = &self.dead_letters {
            target.check(&connection).await?;
        }
        let channel = connection.create_channel().await.map_err(SourceError::unavailable)?;
        let prepare = async {
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            channel.basic_qos(self.prefetch, BasicQosOptions::default()).await?;
            channel
                .basic_consume(
                    self.queue.as_str().into(),
                    "".into(),
                    BasicConsumeOptions::default(),
                    FieldTable::default(),
                )
                .await
        };
        let consumer = prepare.await.map_err(|error| refused(&self.queue, error))?;
        Ok(Link { connection, channel, consumer })
    }
}

/// A failure that asks for another set-up, or for another try.
fn refused(name: &str, error: lapin::Error) -> SourceError {
    if let ErrorKind::ProtocolError(told) = error.kind() {
        if let AMQPErrorKind::Soft(kind) = told.kind() {
            let what = match kind {
                AMQPSoftError::NOTFOUND => {
                    format!("{name:?} doesn't exist; declare it: {}", told.get_message())
                }
                _ => format!("{name:?} can't be used: {}", told.get_message()),
            };
            // A locked queue is free when its other user is gone.
            if !matches!(kind, AMQPSoftError::RESOURCELOCKED) {
                return SourceError::misconfigured(what);
            }
        }
    }
    SourceError::unavailable(error)
}

/// On a channel of its own, because a failed check closes the channel.
async fn check_queue(connection: &Connection, queue: &str) -> Result<(), SourceError> {
    let channel = connection.create_channel().await.map_err(SourceError::unavailable)?;
    let options = QueueDeclareOptions { passive: true, ..Default::default() };
    let found = channel.queue_declare(queue.into(), options, FieldTable::default()).await;
    found.map_err(|error| refused(queue, error))?;
    let _ = channel.close(200, "checked".into()).await;
    Ok(())
}

impl DeadLetterExchange {
    async fn check(&self, connection: &Connection) -> Result<(), SourceError> {
        let channel = connection.create_channel().await.map_err(SourceError::unavailable)?;
        let options = ExchangeDeclareOptions { passive: true, ..Default::default() };
        let (name, kind) = (self.exchange.as_str(), ExchangeKind::Direct);
        let found = channel.exchange_declare(name.into(), kind, options, FieldTable::default());
        found.await.map_err(|error| refused(name, error))?;
        let _ = channel.close(200, "checked".into()).await;
        check_queue(connection, &self.queue).await
    }
}

impl Source for AmqpSource {
    type Delivery = AmqpDelivery;

    fn queue(&self) -> &str {
        &self.queue
    }

    fn set_concurrency(&mut self, concurrency: usize) {
        self.prefetch = u16::try_from(concurrency).unwrap_or(u16::MAX);
    }

    async fn receive(&mut self) -> Result<Option<AmqpDelivery>, SourceError> {
        let link = match &mut self.link {
            Some(link) => link,
            None => self.link.insert(Self::link(&*self).await?),
        };
        let received = link.consumer.next().await;
        let inner = match received {
            Some(Ok(inner)) => inner,
            lost => {
                self.link = None;
                return Err(match lost {
                    Some(Err(error)) => SourceError::unavailable(error),
                    _ => SourceError::unavailable("the broker has cancelled the consumer"),
                });
            }
        };
        let message = read(&inner, &self.queue)?;
        let channel = link.channel.clone();
        let dead_letters = self.dead_letters.clone();
        Ok(Some(AmqpDelivery { channel, inner, message, dead_letters }))
    }

    async fn close(&mut self) {
        if let Some(link) = self.link.take() {
            // If that fails, the broker notices the lost connection.
            let _ = link.connection.close(200, "stopped".into()).await;
        }
    }
}

fn read(inner: &lapin::message::Delivery, queue: &str) -> Result<Message, SourceError> {
    let properties = &inner.properties;
    let headers = properties.headers().as_ref().map(FieldTable::inner);
    let count = headers.and_then(|headers| headers.get("x-delivery-count")).and_then(integer);
    if inner.redelivered && count.is_none() {
        return Err(SourceError::misconfigured(format!(
            "{queue:?} doesn't count deliveries; declare it as a quorum queue"
        )));
    }
    let earlier = u32::try_from(count.unwrap_or(0)).unwrap_or(u32::MAX);
    let mut message = Message::new(inner.data.clone())
        .delivered(earlier.saturating_add(1))
        .header("amqp-exchange", inner.exchange.as_str())
        .header("amqp-routing-key", inner.routing_key.as_str());
    for (name, value) in headers.into_iter().flatten() {
        message = message.header(name.as_str(), text(value));
    }
    if let Some(id) = properties.message_id() {
        message = message.id(id.as_str());
    }
    if let Some(content_type) = properties.content_type() {
        message = message.content_type(content_type.as_str());
    }
    let age = properties.timestamp().map(Duration::from_secs);
    if let Some(time) = age.and_then(|age| SystemTime::UNIX_EPOCH.checked_add(age)) {
        message = message.published_at(time);
    }
    Ok(message)
}

fn integer(value: &AMQPValue) -> Option<i64> {
    match *value {
        AMQPValue::ShortShortInt(number) => Some(number.into()),
        AMQPValue::ShortShortUInt(number) => Some(number.into()),
        AMQPValue::ShortInt(number) => Some(number.into()),
        AMQPValue::ShortUInt(number) => Some(number.into()),
        AMQPValue::LongInt(number) => Some(number.into()),
        AMQPValue::LongUInt(number) => Some(number.into()),
        AMQPValue::LongLongInt(number) => Some(number),
        _ => None,
    }
}

/// A header as text. Publishers write any type; `x-death` is a list of tables.
fn text(value: &AMQPValue) -> String {
    match value {
        AMQPValue::LongString(text) => String::from_utf8_lossy(text.as_bytes()).into_owned(),
        AMQPValue::ShortString(text) => text.as_str().to_owned(),
        AMQPValue::ByteArray(bytes) => String::from_utf8_lossy(bytes.as_slice()).into_owned(),
        AMQPValue::Boolean(value) => value.to_string(),
        AMQPValue::Float(number) => number.to_string(),
        AMQPValue::Double(number) => number.to_string(),
        AMQPValue::Timestamp(seconds) => seconds.to_string(),
        AMQPValue::FieldArray(values) => list(values.as_slice().iter().map(text)),
        AMQPValue::FieldTable(table) => {
            list(table.inner().iter().map(|(name, value)| format!("{name}: {}", text(value))))
        }
        AMQPValue::Void => String::new(),
        AMQPValue::DecimalValue(_) => "a decimal".to_owned(),
        number => integer(number).unwrap_or_default().to_string(),
    }
}

fn list(texts: impl Iterator<Item = String>) -> String {
    format!("[{}]", texts.collect::<Vec<_>>().join(", "))
}

/// A message on its way. If it is dropped, the broker delivers it again when the connection is
/// closed.
pub struct AmqpDelivery {
    channel: Channel,
    inner: lapin::message::Delivery,
    message: Message,
    dead_letters: Option<Arc<DeadLetterExchange>>,
}

impl fmt::Debug for AmqpDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmqpDelivery").field("message", &self.message).finish_non_exhaustive()
    }
}

/// A delivery of a lost connection can't be settled.
fn settled(outcome: lapin::Result<bool>) -> Result<(), SourceError> {
    match outcome {
        Ok(true) => Ok(()),
        Ok(false) => Err(SourceError::unavailable("the connection of the delivery is lost")),
        Err(error) => Err(SourceError::unavailable(error)),
    }
}

impl Delivery for AmqpDelivery {
    const DELAYS: bool = false;

    fn message(&self) -> &Message {
        &self.message
    }

    async fn ack(&self) -> Result<(), SourceError> {
        settled(self.inner.acker.ack(BasicAckOptions::default()).await)
    }

    async fn retry(&self, delay: Duration) -> Result<(), SourceError> {
        tokio::time::sleep(delay).await;
        let options = BasicNackOptions { requeue: true, multiple: false };
        settled(self.inner.acker.nack(options).await)
    }
}

impl DeadLettering for AmqpDelivery {
    async fn dead_letter(&self, letter: &Letter) -> Result<(), StoreError> {
        let Some(target) = &self.dead_letters else {
            return Err(StoreError::refused("the source has no exchange for dead letters"));
        };
        let options = BasicPublishOptions { mandatory: true, ..Default::default() };
        let published = self.channel.basic_publish(
            target.exchange.as_str().into(),
            target.queue.as_str().into(),
            options,
            &self.inner.data,
            self.copied_properties(letter),
        );
        let confirmed = published.await.map_err(StoreError::unavailable)?;
        match confirmed.await.map_err(StoreError::unavailable)? {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(_)) => {
                let DeadLetterExchange { exchange, queue } = &**target;
                Err(StoreError::unavailable(format!(
                    "the exchange {exchange:?} doesn't route {queue:?}; bind a queue to it"
                )))
            }
            _ => Err(StoreError::unavailable("the broker didn't confirm the dead letter")),
        }
    }
}

impl AmqpDelivery {
    /// The properties of the dead letter. Without the expiration, or it would expire too, and
    /// without the user, which the broker checks.
    fn copied_properties(&self, letter: &Letter) -> BasicProperties {
        const PERSISTENT: u8 = 2;
        let original = &self.inner.properties;
        let mut headers = original.headers().clone().unwrap_or_default();
        for (name, value) in crate::source::facts(letter) {
            let value = AMQPValue::LongString(LongString::from(value));
            headers.insert(format!("Resilience-{name}").into(), value);
        }
        let mut copy =
            BasicProperties::default().with_headers(headers).with_delivery_mode(PERSISTENT);
        let apply = |copy: BasicProperties,
                     value: &Option<ShortString>,
                     set: fn(BasicProperties, ShortString) -> BasicProperties| {
            match value {
                Some(value) => set(copy, value.clone()),
                None => copy,
            }
        };
        copy = apply(copy, original.message_id(), BasicProperties::with_message_id);
        copy = apply(copy, original.content_type(), BasicProperties::with_content_type);
        copy = apply(copy, original.correlation_id(), BasicProperties::with_correlation_id);
        copy = apply(copy, original.content_encoding(), BasicProperties::with_content_encoding);
        match original.timestamp() {
            Some(time) => copy.with_timestamp(*time),
            None => copy,
        }
    }
}
