//! Dead letters: messages that couldn't be processed, kept with the reason so that they can be
//! replayed.
//!
//! A [`Letter`] is one such message. A [`DeadLetterStore`] keeps letters: [`MemoryStore`] is for
//! tests; stores on SQLite, PostgreSQL and MariaDB are in the crate `resilience-dead-letters`.

mod draft;
mod failure;
mod handle;
mod id;
mod letter;
mod memory;
mod payload;
mod replay;
mod store;

pub use failure::LetterFailure;
pub use handle::{AlreadyConnected, DeadLetters};
pub use id::{InvalidLetterId, LetterId};
pub use letter::{Letter, Payload, Reason};
pub use memory::MemoryStore;
pub use payload::PayloadError;
pub use replay::ReplayError;
pub use store::{DeadLetterStore, Handled, StoreError, StoreFuture, Stored};

/// What the expansion calls.
pub(crate) mod internals {
    pub use super::draft::{Call, Draft};
    pub use super::payload::Opened;
    pub use super::replay::{Handler, replaying};
}
