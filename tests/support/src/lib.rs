//! What the tests share: an error of every kind, and the events that were emitted.

mod error;
mod events;
mod script;

pub use error::CallError;
pub use events::{Event, Events};
pub use script::{Answer, Script};

/// A breaker of another crate than the one whose functions name it.
pub static ELSEWHERE: resilience::CircuitBreaker =
    resilience::CircuitBreaker::new("elsewhere").failure_threshold(1);
