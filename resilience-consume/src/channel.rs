//! A bounded queue in the process, with redelivery. For tests, examples, and work that may be lost
//! with the process.
//!
//! ```
//! use resilience::dead_letter::MemoryStore;
//! use resilience::errors::NotFound;
//! use resilience_consume::{Consumer, Message, channel};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let (sender, source) = channel::bounded("orders", 100);
//! sender.send(Message::new("a")).await.unwrap();
//! drop(sender); // the consumer ends when everything is processed
//!
//! let handler = async |text: String| {
//!     println!("{text}");
//!     Ok::<(), NotFound>(())
//! };
//! let summary = Consumer::new(source, MemoryStore::new(), handler).run().await.unwrap();
//! assert_eq!(summary.processed, 1);
//! # });
//! ```

use std::collections::VecDeque;
use std::collections::btree_map::{BTreeMap, OccupiedEntry};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use crate::{Delivery, Message, Source, SourceError};

/// Creates a queue that holds up to `capacity` messages, counting those that are received but not
/// acknowledged. The order is first in, first out, except for messages that are delivered again.
///
/// # Panics
///
/// If the capacity is 0.
pub fn bounded(queue: impl Into<String>, capacity: usize) -> (Sender, ChannelSource) {
    assert!(capacity > 0, "a queue needs a capacity of at least 1");
    let shared = Arc::new(Shared {
        capacity: Arc::new(Semaphore::new(capacity.min(Semaphore::MAX_PERMITS))),
        state: Mutex::default(),
        changed: Notify::new(),
    });
    let open = Arc::new(Open(Arc::clone(&shared)));
    (Sender(open), ChannelSource { queue: queue.into(), shared })
}

struct Shared {
    capacity: Arc<Semaphore>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Entry>,
    delayed: BTreeMap<(Instant, u64), Entry>,
    next_number: u64,
    in_flight: usize,
    is_closed: bool,
    receiver_is_gone: bool,
}

struct Entry {
    message: Message,
    deliveries: u32,
    _capacity: OwnedSemaphorePermit,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_one();
        result
    }
}

impl State {
    /// The next message that is due.
    fn pop(&mut self, now: Instant) -> Option<Entry> {
        let delayed = self.delayed.first_entry().filter(|first| first.key().0 <= now);
        let delayed = delayed.map(OccupiedEntry::remove);
        let mut entry = delayed.or_else(|| self.ready.pop_front())?;
        entry.deliveries = entry.deliveries.saturating_add(1);
        self.in_flight += 1;
        Some(entry)
    }

    fn is_finished(&self) -> bool {
        self.is_closed && self.in_flight == 0 && self.ready.is_empty() && self.delayed.is_empty()
    }
}

/// Puts messages into the queue. When the last clone is dropped and all messages are settled, the
/// consumer ends.
#[derive(Clone)]
pub struct Sender(Arc<Open>);

struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.change(|state| state.is_closed = true);
    }
}

impl Sender {
    /// Adds a message, and waits while the queue is full.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the message isn't added.
    ///
    /// # Errors
    ///
    /// Returns the message if the source is gone.
    pub async fn send(&self, message: Message) -> Result<(), Message> {
        let shared = &self.0.0;
        let Ok(capacity) = Arc::clone(&shared.capacity).acquire_owned().await else {
            return Err(message);
        };
        shared.change(|state| {
            if state.receiver_is_gone {
                return Err(message);
            }
            let deliveries = message.deliveries() - 1;
            state.ready.push_back(Entry { message, deliveries, _capacity: capacity });
            Ok(())
        })
    }

    /// How many messages aren't acknowledged: those that wait and those in work.
    pub fn unacknowledged(&self) -> usize {
        let state = self.0.0.lock();
        state.ready.len() + state.delayed.len() + state.in_flight
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("unacknowledged", &self.unacknowledged()).finish()
    }
}

/// The queue, for a consumer.
pub struct ChannelSource {
    queue: String,
    shared: Arc<Shared>,
}

impl fmt::Debug for ChannelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelSource").field("queue", &self.queue).finish_non_exhaustive()
    }
}

impl Drop for ChannelSource {
    fn drop(&mut self) {
        self.shared.capacity.close();
        self.shared.lock().receiver_is_gone = true;
    }
}

impl Source for ChannelSource {
    type Delivery = ChannelDelivery;

    fn queue(&self) -> &str {
        &self.queue
    }

    async fn receive(&mut self) -> Result<Option<ChannelDelivery>, SourceError> {
        loop {
            let due = {
                let mut state = self.shared.lock();
                if let Some(entry) = state.pop(Instant::now()) {
                    let message = entry.message.clone().delivered(entry.deliveries);
                    let shared = Arc::clone(&self.shared);
                    let entry = Mutex::new(Some(entry));
                    return Ok(Some(ChannelDelivery { shared, message, entry }));
                }
                if state.is_finished() {
                    return Ok(None);
                }
                state.delayed.first_key_value().map(|((due, _), _)| *due)
            };
            // A change between the look above and this wait has left a permit.
            let changed = self.shared.changed.notified();
            match due {
                None => changed.await,
                Some(due) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(due) => {}
                },
            }
        }
    }
}

/// A message on its way. If it is dropped, it goes back to the front of the queue, and the delivery
/// counts.
pub struct ChannelDelivery {
    shared: Arc<Shared>,
    message: Message,
    entry: Mutex<Option<Entry>>,
}

impl fmt::Debug for ChannelDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelDelivery").field("message", &self.message).finish_non_exhaustive()
    }
}

impl ChannelDelivery {
    /// Settles the delivery once; later calls do nothing.
    fn settle(&self, settle: impl FnOnce(&mut State, Entry)) {
        let entry = self.entry.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(entry) = entry {
            self.shared.change(|state| {
                state.in_flight -= 1;
                settle(state, entry);
            });
        }
    }
}

impl Drop for ChannelDelivery {
    fn drop(&mut self) {
        self.settle(|state, entry| state.ready.push_front(entry));
    }
}

impl Delivery for ChannelDelivery {
    fn message(&self) -> &Message {
        &self.message
    }

    async fn ack(&self) -> Result<(), SourceError> {
        self.settle(|_, entry| drop(entry));
        Ok(())
    }

    async fn retry(&self, delay: Duration) -> Result<(), SourceError> {
        self.settle(|state, entry| {
            let now = Instant::now();
            // A delay beyond the clock's range is as good as none that ends: a century.
            let due = now.checked_add(delay).unwrap_or(now + Duration::from_secs(3_155_760_000));
            state.next_number += 1;
            state.delayed.insert((due, state.next_number), entry);
        });
        Ok(())
    }

    async fn release(&self) -> Result<(), SourceError> {
        self.settle(|state, mut entry| {
            entry.deliveries -= 1;
            state.ready.push_front(entry);
        });
        Ok(())
    }
}
