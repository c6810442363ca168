//! Dead letters: messages that couldn't be processed, kept with the reason so that they can be
//! replayed.
//!
//! A [`Letter`] is one such message. A [`DeadLetterStore`] keeps letters: [`MemoryStore`] is for
//! tests; stores on SQLite, PostgreSQL and MariaDB are in the crate `resilience-dead-letters`.

mod failure;
mod id;
mod letter;
mod memory;
mod store;

pub use failure::LetterFailure;
pub use id::{InvalidLetterId, LetterId};
pub use letter::{Letter, Payload, Reason};
pub use memory::MemoryStore;
pub use store::{DeadLetterStore, Handled, StoreError, StoreFuture, Stored};
