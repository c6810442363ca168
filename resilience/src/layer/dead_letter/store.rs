//! Where letters are kept.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};

use super::{Letter, LetterId};
use crate::{Classification, Classify, ServiceError, taxonomy::Evidence};

/// The future of a [`DeadLetterStore`]'s method.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Keeps dead letters. Only storing is needed by whoever processes messages; listing and replaying
/// are up to the store.
///
/// The trait can be used as `dyn DeadLetterStore`.
///
/// # Cancellation
///
/// If the future is dropped, the letter may have been stored or not. Storing it again is safe if it
/// has a [`dedupe_key`](Letter::dedupe_key).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a store of dead letters",
    label = "expected a `DeadLetterStore`, or a reference, a `Box`, an `Arc` or a `LazyLock` of one",
    note = "for a store that is connected later, write `static LETTERS: DeadLetters = \
            DeadLetters::new();`"
)]
pub trait DeadLetterStore: Send + Sync {
    /// Stores the letter, and returns once it is durable.
    ///
    /// # Errors
    ///
    /// If the letter isn't stored. The message must not be acknowledged then.
    fn store<'a>(&'a self, letter: &'a Letter) -> StoreFuture<'a, Stored>;
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl<S: DeadLetterStore + ?Sized> DeadLetterStore for $pointer {
            fn store<'a>(&'a self, letter: &'a Letter) -> StoreFuture<'a, Stored> {
                (**self).store(letter)
            }
        }
    )*};
}

forward!(&S, Box<S>, Arc<S>);

#[diagnostic::do_not_recommend]
impl<S: DeadLetterStore> DeadLetterStore for LazyLock<S> {
    fn store<'a>(&'a self, letter: &'a Letter) -> StoreFuture<'a, Stored> {
        (**self).store(letter)
    }
}

/// A stored letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// The id of the letter, or of the one that it repeats.
    pub id: LetterId,
    /// Whether a letter with the same [`dedupe_key`](Letter::dedupe_key) was there already.
    pub is_repeat: bool,
}

impl Stored {
    /// A letter that was stored for the first time.
    pub const fn new(id: LetterId) -> Self {
        Self { id, is_repeat: false }
    }

    /// A letter that was added to the one with this id.
    pub const fn repeat(id: LetterId) -> Self {
        Self { id, is_repeat: true }
    }
}

/// What became of a message: the return type of a handler that has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled<T> {
    /// It was processed.
    Processed(T),
    /// It was stored as a dead letter.
    DeadLettered(LetterId),
}

/// A letter couldn't be stored.
#[derive(Debug)]
pub struct StoreError {
    class: Classification,
    /// What to do about it.
    help: Option<&'static str>,
    source: Box<dyn Error + Send + Sync>,
}

impl StoreError {
    /// The store can't be reached at the moment. Transient, `DEAD_LETTER_STORE_UNAVAILABLE`.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let class = Classification::transient("DEAD_LETTER_STORE_UNAVAILABLE");
        Self { class, help: None, source: source.into() }
    }

    /// The store doesn't take this letter, now or later. Permanent, `DEAD_LETTER_REFUSED`.
    pub fn refused(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let class = Classification::permanent("DEAD_LETTER_REFUSED");
        Self { class, help: None, source: source.into() }
    }

    /// There is no store yet. Permanent, `DEAD_LETTER_STORE_NOT_CONNECTED`.
    pub(super) fn not_connected() -> Self {
        Self {
            class: Classification::permanent("DEAD_LETTER_STORE_NOT_CONNECTED"),
            help: Some(
                "call `connect` on this `DeadLetters` when the program starts, before messages are \
                 consumed",
            ),
            source: "no store is connected".into(),
        }
    }

    /// What to do about it.
    pub(super) const fn help(&self) -> Option<&'static str> {
        self.help
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the dead letter isn't stored")
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

impl Classify for StoreError {
    fn classify(&self) -> Classification {
        self.class
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

impl ServiceError for StoreError {}
