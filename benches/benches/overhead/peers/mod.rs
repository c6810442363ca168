//! The other libraries, each the fastest fair way that its documentation offers: built once,
//! outside the loop, with three attempts, 500 ms and exponential, a breaker of five failures in a
//! row where it has that, and five seconds.
//!
//! | peer | retry | timeout | breaker | in the full nest |
//! |---|---|---|---|---|
//! | tokio | | `time::timeout`, timer made eagerly | | |
//! | backon | closure, transient errors, no jitter | | | |
//! | backon-macros | attribute, transient errors, no jitter | | | |
//! | tokio-retry2 | closure, transient errors, no jitter | | | |
//! | failsafe | | | in a row, or a moving average over 10 s, under a lock | |
//! | recloser | | | rate over the last 100 calls, under a spin lock | |
//! | tower | policy by hand, no budget | timer made eagerly | | |
//! | execution-policy | transient errors, no jitter | its own, boxed | in a row, under a lock | retry, breaker, timeout; the breaker outside the retry |
//! | tower-resilience | any error | tokio's | in a row, under an async lock | fallback, retry, breaker, timeout |
//! | seatbelt | transient errors, jitter | its own timers | rate over 30 s, under a lock; keyed: in a tree under a read-write lock, unbounded | fallback, retry, breaker, timeout |

mod breakers;
mod execution_policy;
mod retries;
mod seatbelt;
mod tower;
mod tower_resilience;

use std::time::Duration;

use crate::harness::Contender;

const LIMIT: Duration = Duration::from_secs(5);
const BASE: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
const RECOVERY: Duration = Duration::from_secs(30);
/// Of the breakers that judge a rate.
const WINDOW: Duration = Duration::from_secs(10);
const MIN_CALLS: u32 = 20;
/// Longer than any run, for breakers that are to stay open.
const A_DAY: Duration = Duration::from_hours(24);

/// From the narrowest to the broadest; also the order of the table.
pub(crate) const NAMES: [&str; 10] = [
    "tokio",
    "backon",
    "backon-macros",
    "tokio-retry2",
    "failsafe",
    "recloser",
    "tower",
    "execution-policy",
    "tower-resilience",
    "seatbelt",
];

pub(crate) fn contenders() -> Vec<Contender> {
    let mut contenders = Vec::new();
    contenders.extend(retries::contenders());
    contenders.extend(breakers::contenders());
    contenders.extend(tower::contenders());
    contenders.extend(execution_policy::contenders());
    contenders.extend(tower_resilience::contenders());
    contenders.extend(seatbelt::contenders());
    contenders
}
