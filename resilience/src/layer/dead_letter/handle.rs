//! A store that is connected after the program has started.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::{DeadLetterStore, Letter, StoreError, StoreFuture, Stored};
#[cfg(feature = "testing")]
use crate::support::isolation::{self, Identity, Isolate};

/// A store in a `static`, which is connected when the program starts.
///
/// ```
/// use resilience::dead_letter::{DeadLetters, MemoryStore};
///
/// static LETTERS: DeadLetters = DeadLetters::new();
///
/// // In `main`, before messages are consumed:
/// LETTERS.connect(MemoryStore::new()).expect("connected once");
/// assert!(LETTERS.is_connected());
/// ```
///
/// Until then it stores nothing: each letter is refused with a [`StoreError`], so
/// [`#[dead_letter]`](macro@crate::dead_letter) returns the error of the handler, and no message is
/// lost. The event `dead_letter_failed` names the static and what to call.
///
/// In an isolated test (feature `testing`), it isn't connected, and each test connects its own
/// store.
pub struct DeadLetters {
    store: OnceLock<Arc<dyn DeadLetterStore>>,
    #[cfg(feature = "testing")]
    identity: Identity,
}

impl DeadLetters {
    /// Creates a handle without a store.
    #[expect(clippy::new_without_default, reason = "it belongs in a static, which needs `const`")]
    pub const fn new() -> Self {
        Self {
            store: OnceLock::new(),
            #[cfg(feature = "testing")]
            identity: Identity::new(),
        }
    }

    /// Sets the store. It can also be an `Arc` of one.
    ///
    /// # Errors
    ///
    /// If a store is connected already, which stays.
    pub fn connect(&self, store: impl DeadLetterStore + 'static) -> Result<(), AlreadyConnected> {
        self.current().store.set(Arc::new(store)).map_err(|_| AlreadyConnected)
    }

    /// Whether there is a store.
    pub fn is_connected(&self) -> bool {
        self.current().store.get().is_some()
    }

    #[cfg(feature = "testing")]
    fn current(&self) -> &Self {
        isolation::current(self)
    }

    #[cfg(not(feature = "testing"))]
    const fn current(&self) -> &Self {
        self
    }
}

impl DeadLetterStore for DeadLetters {
    fn store<'a>(&'a self, letter: &'a Letter) -> StoreFuture<'a, Stored> {
        match self.current().store.get() {
            Some(store) => store.store(letter),
            None => Box::pin(std::future::ready(Err(StoreError::not_connected()))),
        }
    }
}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters").field("is_connected", &self.is_connected()).finish()
    }
}

#[cfg(feature = "testing")]
impl Isolate for DeadLetters {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn fresh(&self) -> Self {
        Self::new()
    }
}

/// A [`DeadLetters`] has a store already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlreadyConnected;

impl fmt::Display for AlreadyConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a store of dead letters is connected already")
    }
}

impl std::error::Error for AlreadyConnected {}
