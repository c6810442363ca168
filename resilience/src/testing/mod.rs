#![doc = include_str!("../docs/testing.md")]
//!
//! ```
#![doc = include_str!("../docs/testing_example.rs")]
//! ```
//!
#![doc = include_str!("../docs/testing_more.md")]
//!
#![cfg_attr(feature = "sqlx-sqlite", doc = "```")]
#![cfg_attr(not(feature = "sqlx-sqlite"), doc = "```ignore")]
#![doc = include_str!("../docs/testing_sqlx.rs")]
//! ```
//!
#![doc = include_str!("../docs/testing_process.md")]

mod isolated;
mod recorder;
mod script;

pub use isolated::{Isolated, Isolation, isolate, isolated};
pub use recorder::{RecordedEvent, Recorder};
pub use script::Script;

/// Isolates a whole test: one line below or above `#[tokio::test]`, or on a plain `#[test]`.
///
/// ```
/// use resilience::{CircuitBreaker, circuit_breaker::CircuitState, testing::isolated};
///
/// static INVENTORY: CircuitBreaker = CircuitBreaker::new("inventory");
///
/// # macro_rules! ignore_test { ($($test:tt)*) => {} }
/// # mod hidden { pub use tokio::main as test; }
/// #[tokio::test(start_paused = true)]
/// #[isolated]
/// async fn rejects_while_open() {
///     INVENTORY.force_open();
///     // … the calls of this test are rejected, and those of others aren't …
///     assert_eq!(INVENTORY.state(), CircuitState::ForcedOpen);
/// }
/// ```
///
/// | option | what it does |
/// |---|---|
/// | `no_wait` | skips the waits between attempts, see [`Isolation::no_wait`] |
/// | `seed = 7` | makes the jitter the same in every run, see [`Isolation::seed`] |
/// | `crate = path` | the path of this crate, if it isn't `::resilience` |
///
/// The attribute adds `let _guard = isolate();` at the beginning of the function's body; see
/// [`isolate`] for which tasks are inside.
#[cfg(feature = "macros")]
pub use resilience_macros::isolated;
