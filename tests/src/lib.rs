//! What the tests share: an error of every kind, and the events that were emitted.

mod error;
mod events;
mod script;

pub use error::CallError;
pub use events::{Event, Events};
pub use script::{Answer, Script};

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
