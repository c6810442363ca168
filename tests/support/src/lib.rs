//! Helpers shared by the tests. Each has one home here; what pulls in a large dependency is behind
//! a feature.

pub mod allocations;
#[cfg(feature = "databases")]
pub mod databases;
mod error;
mod events;
#[cfg(feature = "grpc")]
pub mod grpc;
mod poll;
#[cfg(feature = "records")]
mod records;
mod script;
#[cfg(feature = "ui")]
pub mod ui;

pub use error::CallError;
pub use events::{Event, Events};
pub use poll::poll_once;
#[cfg(feature = "records")]
pub use records::{Record, Records};
pub use script::{Answer, Script};

/// A breaker in another crate than the functions that use it.
pub static ELSEWHERE: resilience::CircuitBreaker =
    resilience::CircuitBreaker::new("elsewhere").failure_threshold(1);
