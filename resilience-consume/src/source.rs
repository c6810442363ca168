//! Where messages come from: what a broker has to be able to do.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use resilience::dead_letter::{DeadLetterStore, Letter, StoreError};
use resilience::{Classification, Classify, ServiceError, taxonomy::Evidence};

use crate::Message;

/// A queue that delivers each message at least once: until it is acknowledged.
///
/// Implement it for your own broker. A source owns its connection: [`receive`](Self::receive)
/// connects when there is none, and reports a lost one as an error. The consumer then waits, with
/// backoff, and calls it again.
pub trait Source: Send + 'static {
    /// A message on its way.
    type Delivery: Delivery;

    /// The name of the queue, for events and dead letters.
    fn queue(&self) -> &str;

    /// How many messages the consumer handles at once, at most. Called once, before the first
    /// message is received. A source that prefetches takes this number, so that messages wait in
    /// the broker, where another consumer can take them.
    fn set_concurrency(&mut self, concurrency: usize) {
        let _ = concurrency;
    }

    /// The next message, or `None` if there will never be another one.
    ///
    /// # Cancellation
    ///
    /// The consumer drops the future only when it stops. A message that was on its way must go back
    /// to the broker then.
    ///
    /// # Errors
    ///
    /// If the broker can't be reached ([`SourceError::unavailable`]) or can't be used as it is set
    /// up ([`SourceError::misconfigured`]). The latter stops the consumer.
    fn receive(
        &mut self,
    ) -> impl Future<Output = Result<Option<Self::Delivery>, SourceError>> + Send;

    /// Closes the connection. Called once, when all deliveries are settled or dropped.
    fn close(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// A message on its way. It belongs to this consumer until it is settled by [`ack`](Self::ack),
/// [`retry`](Self::retry), [`release`](Self::release) or [`term`](Self::term).
///
/// If a delivery is dropped before that, or the process is killed, the broker has to deliver the
/// message again, and its count of deliveries has to include the one that was lost.
pub trait Delivery: Send + Sync + 'static {
    /// The message. Its number of deliveries is that of the broker.
    fn message(&self) -> &Message;

    /// Removes the message, because it was processed. Returns once the broker has confirmed it, if
    /// the broker confirms.
    ///
    /// # Errors
    ///
    /// If it isn't known to be removed. The broker then delivers it again.
    fn ack(&self) -> impl Future<Output = Result<(), SourceError>> + Send;

    /// Whether the broker waits for the delay of [`retry`](Self::retry). If it can't, the consumer
    /// keeps the message for that time, and then asks for another delivery without a delay.
    const DELAYS: bool = true;

    /// Asks for another delivery, no earlier than after this delay.
    ///
    /// # Errors
    ///
    /// If the broker doesn't know it. It then delivers the message again when the connection is
    /// lost or its own timeout is over.
    fn retry(&self, delay: Duration) -> impl Future<Output = Result<(), SourceError>> + Send;

    /// Hands the message back at once, because this consumer stops. If the broker is able to, it
    /// doesn't count this delivery.
    ///
    /// # Errors
    ///
    /// As of [`retry`](Self::retry).
    fn release(&self) -> impl Future<Output = Result<(), SourceError>> + Send {
        self.retry(Duration::ZERO)
    }

    /// Removes the message, because it is safely stored as a dead letter.
    ///
    /// # Errors
    ///
    /// As of [`ack`](Self::ack).
    fn term(&self) -> impl Future<Output = Result<(), SourceError>> + Send {
        self.ack()
    }

    /// How often [`extend`](Self::extend) has to be called, if the broker delivers a message again
    /// that isn't settled in time.
    fn extend_every(&self) -> Option<Duration> {
        None
    }

    /// Tells the broker that the message is still in work.
    ///
    /// # Errors
    ///
    /// If the broker doesn't know it. The consumer goes on with the message.
    fn extend(&self) -> impl Future<Output = Result<(), SourceError>> + Send {
        async { Ok(()) }
    }
}

/// A source failed, or a delivery couldn't be settled.
#[derive(Debug)]
pub struct SourceError {
    class: Classification,
    source: Box<dyn Error + Send + Sync>,
}

impl SourceError {
    /// The broker can't be reached at the moment. Transient, `BROKER_UNAVAILABLE`. The consumer
    /// connects again, with backoff.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { class: Classification::transient("BROKER_UNAVAILABLE"), source: source.into() }
    }

    /// The broker can't be used as it is set up, for example because a queue doesn't exist. Fatal,
    /// `BROKER_MISCONFIGURED`. The consumer stops. The text should say what to set up.
    pub fn misconfigured(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { class: Classification::fatal("BROKER_MISCONFIGURED"), source: source.into() }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the broker failed: ")?;
        self.source.fmt(f)
    }
}

impl Error for SourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The text has its message already.
        self.source.source()
    }
}

impl Classify for SourceError {
    fn classify(&self) -> Classification {
        self.class
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

impl ServiceError for SourceError {}

/// Where a consumer puts its dead letters: a [`DeadLetterStore`], or, as [`BrokerDeadLetters`], the
/// broker itself.
pub trait Destination<D>: Send + Sync + 'static {
    /// Stores the letter of this delivery, and returns once it is durable. Doesn't settle the
    /// delivery.
    ///
    /// # Errors
    ///
    /// If the letter isn't stored.
    fn put(
        &self,
        delivery: &D,
        letter: &Letter,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

impl<D: Delivery, S: DeadLetterStore + 'static> Destination<D> for S {
    async fn put(&self, _: &D, letter: &Letter) -> Result<(), StoreError> {
        DeadLetterStore::store(self, letter).await.map(drop)
    }
}

/// A delivery of a broker that keeps dead letters itself.
pub trait DeadLettering: Delivery {
    /// Gives the message to the broker as a dead letter, and returns once that is durable. Doesn't
    /// settle the delivery.
    ///
    /// # Errors
    ///
    /// If the broker didn't confirm it.
    fn dead_letter(&self, letter: &Letter) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// The dead-lettering of the broker. Only sources of such brokers provide it.
#[derive(Debug, Clone, Copy)]
pub struct BrokerDeadLetters<D>(std::marker::PhantomData<fn(D)>);

impl<D: DeadLettering> BrokerDeadLetters<D> {
    /// For sources, which call it when they know where the broker puts dead letters.
    pub const fn of_source<S: Source<Delivery = D>>(source: &S) -> Self {
        let _ = source;
        Self(std::marker::PhantomData)
    }
}

impl<D: DeadLettering> Destination<D> for BrokerDeadLetters<D> {
    async fn put(&self, delivery: &D, letter: &Letter) -> Result<(), StoreError> {
        delivery.dead_letter(letter).await
    }
}
