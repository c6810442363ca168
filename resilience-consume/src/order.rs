//! Messages with the same key run one after the other, in the order in which they were received.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use tokio::sync::oneshot;

use crate::Message;

/// Hashes the key of a message.
pub(crate) type KeyOf = Box<dyn Fn(&Message) -> u64 + Send + Sync>;

pub(crate) fn key_of<K: Hash>(key: impl Fn(&Message) -> K + Send + Sync + 'static) -> KeyOf {
    // Two keys with the same hash wait for each other, which is harmless.
    Box::new(move |message| {
        let mut hasher = DefaultHasher::new();
        key(message).hash(&mut hasher);
        hasher.finish()
    })
}

/// The last message of each key that is in work.
#[derive(Default)]
pub(crate) struct Order {
    last: HashMap<u64, oneshot::Receiver<()>>,
}

/// A message's place in the order of its key. Dropping it lets the next one run.
pub(crate) struct Turn {
    previous: Option<oneshot::Receiver<()>>,
    _done: oneshot::Sender<()>,
}

impl Order {
    pub(crate) fn turn(&mut self, key: u64) -> Turn {
        // Forget the keys whose messages are done, so that there are no more keys than messages.
        self.last.retain(|_, last| is_pending(last));
        let (done, next) = oneshot::channel();
        Turn { previous: self.last.insert(key, next), _done: done }
    }
}

fn is_pending(last: &mut oneshot::Receiver<()>) -> bool {
    last.try_recv() == Err(oneshot::error::TryRecvError::Empty)
}

impl Turn {
    /// Waits until the previous message of the key is done.
    pub(crate) async fn begin(&mut self) {
        if let Some(previous) = self.previous.take() {
            // Nothing is ever sent; the sender is dropped.
            let _ = previous.await;
        }
    }
}
