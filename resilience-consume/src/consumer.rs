//! The consumer: its settings, and the loop that receives messages.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use resilience::report::Report;
use resilience::{Classification, Classify, Retry};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::control::{Control, Stage, delay};
use crate::handler::{Handler, erase};
use crate::order::{KeyOf, Order, key_of};
use crate::work::{Failures, Work};
use crate::{Destination, FromMessage, Message, Source, Summary};

/// Takes messages from a source, and loses none.
///
/// It can't be built without a destination for dead letters. What becomes of a message depends on
/// the outcome of the handler:
///
/// | outcome | the message |
/// |---|---|
/// | `Ok` | is acknowledged |
/// | permanent or unclassified error | becomes a dead letter |
/// | transient or partial error | is delivered again after a delay; becomes a dead letter, `exhausted`, after [`attempts`](Self::attempts) |
/// | panic | as after a transient error, but the reason is `poison` |
/// | rejection by an open circuit | is kept, and the source is paused, for as long as the breaker says. No attempt is counted |
/// | fatal error | is handed back, and the consumer stops: one missing setting must not turn a whole queue into dead letters |
/// | bytes that can't be decoded | becomes a dead letter with these bytes, `undecodable` |
/// | older than [`max_age`](Self::max_age) | becomes a dead letter, `expired`, without an attempt |
/// | delivered more than [`attempts`](Self::attempts) times | becomes a dead letter, `poison`, without an attempt: whoever had it was killed |
///
/// A message that becomes a dead letter is removed from the queue after its letter is durable. While
/// the letter can't be stored, the message is kept and the source is paused, with backoff.
///
/// The handler runs in a [`RequestContext`](resilience::RequestContext) with the message's request
/// id, and in a span `message`. It runs at least once per message; it may run again if the process
/// is killed before the broker knows that the message is done. So it has to be idempotent.
///
/// ```
/// use resilience::dead_letter::MemoryStore;
/// use resilience::errors::NotFound;
/// use resilience_consume::{Consumer, Json, Message, channel};
/// use std::sync::Arc;
///
/// async fn place_order(Json(sku): Json<u64>) -> Result<(), NotFound> {
///     if sku == 0 { Err(NotFound::new("sku", "0")) } else { Ok(()) }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let (orders, source) = channel::bounded("orders", 100);
/// for payload in ["12", "0", "{"] {
///     orders.send(Message::new(payload)).await.unwrap();
/// }
/// drop(orders);
///
/// let letters = Arc::new(MemoryStore::new());
/// let consumer = Consumer::new(source, Arc::clone(&letters), place_order).concurrency(4);
/// let summary = consumer.run().await.unwrap();
/// assert_eq!((summary.processed, summary.dead_lettered), (1, 2));
/// let mut reasons: Vec<_> = letters.letters().iter().map(|(_, letter)| letter.reason.as_str()).collect();
/// reasons.sort();
/// assert_eq!(reasons, ["permanent", "undecodable"]);
/// # });
/// ```
///
/// A source alone doesn't make a consumer:
///
/// ```compile_fail,E0061
/// # use resilience_consume::{Consumer, channel};
/// let (_, source) = channel::bounded("orders", 100);
/// let consumer = Consumer::new(source, async |_: String| Ok::<(), std::io::Error>(()));
/// ```
#[must_use = "a consumer does nothing until it runs"]
pub struct Consumer<S, D> {
    source: S,
    dead_letters: D,
    handler: Handler,
    settings: Settings,
    order: Option<KeyOf>,
}

/// What is the same for all messages.
pub(crate) struct Settings {
    pub(crate) operation: &'static str,
    pub(crate) attempts: u32,
    pub(crate) backoff: Retry,
    pub(crate) max_age: Option<Duration>,
    concurrency: usize,
    grace: Duration,
}

impl<S, D> std::fmt::Debug for Consumer<S, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer")
            .field("operation", &self.settings.operation)
            .finish_non_exhaustive()
    }
}

impl<S: Source, D: Destination<S::Delivery>> Consumer<S, D> {
    /// Creates a consumer. The destination of dead letters is a
    /// [`DeadLetterStore`](resilience::dead_letter::DeadLetterStore), or the
    /// [`BrokerDeadLetters`](crate::BrokerDeadLetters) of the source. The handler takes anything
    /// that is [`FromMessage`], such as `Json<Order>` or `(Message, Json<Order>)`.
    pub fn new<T, F, E, H>(source: S, dead_letters: D, handler: H) -> Self
    where
        T: FromMessage,
        H: Fn(T) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Classify + Send + 'static,
    {
        Self {
            source,
            dead_letters,
            handler: erase(handler),
            settings: Settings {
                operation: "consume",
                attempts: 5,
                backoff: Retry::new(),
                max_age: None,
                concurrency: 8,
                grace: Duration::from_secs(30),
            },
            order: None,
        }
    }

    /// Sets the name of the operation in log records. The default is `consume`.
    pub fn operation(mut self, operation: &'static str) -> Self {
        self.settings.operation = operation;
        self
    }

    /// Sets how often a message is tried, the first time included. The default is 5; 0 becomes 1.
    ///
    /// An attempt is counted before it runs, where the broker counts deliveries. So one that ends
    /// with the process counts too, and so does one that is handed back at a shutdown, unless the
    /// source can take it back uncounted.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.settings.attempts = attempts.max(1);
        self
    }

    /// Sets the delays between attempts and between pauses. Only the delays of the policy are used,
    /// not its number of attempts. The default is that of [`Retry`]: 500 ms, doubled up to 30 s, with
    /// jitter.
    pub fn backoff(mut self, backoff: Retry) -> Self {
        self.settings.backoff = backoff;
        self
    }

    /// Sets how old a message may be. Older ones aren't run, and become dead letters. There is no
    /// limit by default. Messages without a timestamp don't expire.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.settings.max_age = Some(age);
        self
    }

    /// Sets how many messages are handled at once, and how many a broker delivers ahead. The default
    /// is 8; 0 becomes 1.
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.settings.concurrency = concurrency.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Runs messages with the same key one after the other, in the order in which they were
    /// received. A message that fails is then kept and tried again here, so that none of its
    /// successors overtakes it. The waiting successors count towards the concurrency.
    pub fn ordered_by<K: Hash>(
        mut self,
        key: impl Fn(&Message) -> K + Send + Sync + 'static,
    ) -> Self {
        self.order = Some(key_of(key));
        self
    }

    /// Sets how long handlers may finish when the consumer stops. After that they are dropped, and
    /// their messages handed back. The default is 30 s.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.settings.grace = grace;
        self
    }

    /// Runs until the source ends, a handler returns a fatal error, or
    /// [`shutdown::requested`](resilience::shutdown::requested) resolves.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the handlers are too, and the broker delivers their messages again.
    ///
    /// # Errors
    ///
    /// [`Stopped`], after a fatal error of a handler or of the source.
    pub async fn run(self) -> Result<Summary, Stopped> {
        self.run_until(std::future::pending()).await
    }

    /// Like [`run`](Self::run), but stops when `stop` resolves too. What is in work may finish within
    /// the [grace period](Self::grace).
    ///
    /// # Cancellation
    ///
    /// As of [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// As of [`run`](Self::run).
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> Result<Summary, Stopped> {
        let Self { mut source, dead_letters, handler, settings, order } = self;
        source.set_concurrency(settings.concurrency);
        let (concurrency, grace) = (settings.concurrency, settings.grace);
        let work = Arc::new(Work {
            queue: source.queue().to_owned(),
            dead_letters,
            handler,
            control: Control::new(settings.backoff),
            settings,
            is_ordered: order.is_some(),
            summary: std::sync::Mutex::default(),
            fatal: std::sync::OnceLock::new(),
            failures: Failures::default(),
        });
        let mut tasks = JoinSet::new();
        let received = {
            let receiving = receive(&mut source, &work, &mut tasks, order.as_ref(), concurrency);
            tokio::select! {
                received = receiving => received,
                () = work.control.reached(Stage::Draining) => Ok(()),
                () = stop => Ok(()),
                () = resilience::shutdown::requested() => Ok(()),
            }
        };
        work.control.advance(Stage::Draining);
        let finish = async { while tasks.join_next().await.is_some() {} };
        tokio::pin!(finish);
        if tokio::time::timeout(grace, &mut finish).await.is_err() {
            work.control.advance(Stage::Aborting);
            finish.await;
        }
        source.close().await;
        received?;
        let summary = *work.summary();
        match work.fatal.get() {
            Some(class) => Err(Stopped { class: *class, queue: work.queue.clone(), summary }),
            None => Ok(summary),
        }
    }
}

/// Receives messages and starts their work, until the source ends.
async fn receive<S: Source, D: Destination<S::Delivery>>(
    source: &mut S,
    work: &Arc<Work<D>>,
    tasks: &mut JoinSet<()>,
    order: Option<&KeyOf>,
    concurrency: usize,
) -> Result<(), Stopped> {
    let slots = Arc::new(Semaphore::new(concurrency));
    let mut keys = Order::default();
    let mut failures = 0;
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return Ok(()) };
        if work.control.resumed().await.is_err() {
            return Ok(());
        }
        while tasks.try_join_next().is_some() {}
        match source.receive().await {
            Ok(Some(delivery)) => {
                failures = 0;
                let turn = order.map(|key_of| {
                    use crate::Delivery as _;
                    keys.turn(key_of(delivery.message()))
                });
                let work = Arc::clone(work);
                tasks.spawn(in_this_context(async move {
                    work.run(delivery, turn).await;
                    drop(slot);
                }));
            }
            Ok(None) => {
                // Messages in work may still be delivered again by another consumer; here it ends.
                while tasks.join_next().await.is_some() {}
                return Ok(());
            }
            Err(error) => {
                let class = error.classify();
                if class.category() == Some(resilience::Category::Fatal) {
                    Report::new(&error).operation(work.settings.operation).emit();
                    let summary = *work.summary();
                    return Err(Stopped { class, queue: work.queue.clone(), summary });
                }
                failures += 1;
                let delay = delay(&work.settings.backoff, failures);
                tracing::warn!(
                    target: "resilience",
                    queue = work.queue,
                    code = class.code(),
                    error = %error,
                    failures,
                    delay_ms = delay.as_millis(),
                    "source_failed"
                );
                if work.control.sleep(delay).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}

/// Runs the work in a task that has the shutdown in use here, and ends it when it is dropped.
fn in_this_context(
    work: impl Future<Output = ()> + Send + 'static,
) -> impl Future<Output = ()> + Send {
    let task = AbortOnDrop(resilience::spawn(work));
    async move {
        let mut task = task;
        // The handler's panics are caught, and nothing else aborts it.
        let _ = (&mut task.0).await;
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A consumer stopped after a fatal error. Classifies itself as that error.
#[derive(Debug, Clone)]
pub struct Stopped {
    class: Classification,
    queue: String,
    /// What was done until then.
    pub summary: Summary,
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { class, queue, .. } = self;
        write!(f, "the consumer of {queue:?} stopped after a fatal error: {}", class.code())
    }
}

impl std::error::Error for Stopped {}

impl Classify for Stopped {
    fn classify(&self) -> Classification {
        self.class
    }
}

impl resilience::ServiceError for Stopped {}
