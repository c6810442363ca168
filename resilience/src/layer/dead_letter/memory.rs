//! A store in memory.

use std::sync::{Mutex, PoisonError};

use super::{DeadLetterStore, Letter, LetterId, StoreFuture, Stored};

/// Keeps letters in memory, for tests and examples. They are gone when the process ends.
///
/// ```
/// use resilience::dead_letter::{DeadLetterStore, Letter, LetterFailure, MemoryStore, Payload, Reason};
/// use resilience::errors::NotFound;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let letters = MemoryStore::new();
/// let failure = LetterFailure::of(&NotFound::new("sku", "12"));
/// let letter = Letter::new("orders", Payload::json("{}"), Reason::Permanent, failure);
/// letters.store(&letter).await.unwrap();
/// assert_eq!(letters.letters().len(), 1);
/// # }
/// ```
#[derive(Debug, Default)]
pub struct MemoryStore {
    letters: Mutex<Vec<(LetterId, Letter)>>,
}

impl MemoryStore {
    /// Creates an empty store.
    pub const fn new() -> Self {
        Self { letters: Mutex::new(Vec::new()) }
    }

    /// The letters, oldest first.
    pub fn letters(&self) -> Vec<(LetterId, Letter)> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(LetterId, Letter)>> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(&self, letter: &Letter) -> Stored {
        let mut letters = self.lock();
        let known = letters.iter_mut().find(|(_, known)| {
            letter.dedupe_key.is_some()
                && known.queue == letter.queue
                && known.dedupe_key == letter.dedupe_key
        });
        if let Some((id, known)) = known {
            known.attempts = known.attempts.saturating_add(letter.attempts);
            known.last_failure = letter.last_failure;
            known.failure.clone_from(&letter.failure);
            return Stored::repeat(*id);
        }
        let id = LetterId::new();
        letters.push((id, letter.clone()));
        Stored::new(id)
    }
}

impl DeadLetterStore for MemoryStore {
    fn store<'a>(&'a self, letter: &'a Letter) -> StoreFuture<'a, Stored> {
        Box::pin(async move { Ok(self.insert(letter)) })
    }
}
