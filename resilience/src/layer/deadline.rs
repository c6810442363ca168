use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::taxonomy::{LastFailure, last_failure};
use crate::support::clock;

/// The state of one `#[timeout]` for one call. The layers below it read it through a shared
/// reference.
///
/// In your own retry loop, it limits the waits. Use [`tokio::time::timeout_at`] or a
/// [`Timeout`](crate::Timeout) to limit the attempts:
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use resilience::{
///     Classify, Retry, RetryBudget, errors::ServiceUnavailable, secs, timeout::Deadline,
///     registry::Site, retry::{Attempts, Jitter, RetryRules},
/// };
///
/// static SITE: Site = Site::new("inventory", "stock", module_path!(), file!(), line!());
/// static BUDGET: RetryBudget = RetryBudget::standard();
/// const POLICY: Retry = Retry::new().attempts(10).base(secs(1)).jitter(Jitter::None).idempotent();
///
/// let total = Deadline::starting_now(secs(5));
/// let rules = RetryRules::new(&POLICY, &BUDGET, &SITE).deadline(&total);
/// let mut attempts = Attempts::new();
/// while let Ok(wait) = attempts.judge(ServiceUnavailable::new("inventory"), Classify::classify, rules) {
///     wait.pause().await;
/// }
/// assert_eq!(attempts.number(), 3, "after 1 and 2 seconds another 4 would end too late");
/// # }
/// ```
///
/// Uses an atomic only because a shared `Cell` would make the future `!Send`. There is no
/// contention.
#[derive(Debug)]
pub struct Deadline<'above> {
    /// In nanoseconds. Half the size of a `Duration`, since every future contains it.
    after: u64,
    /// [`NOT_STARTED`], [`FIRED`], or the instant at which the deadline fires.
    at: AtomicU64,
    above: Option<&'above Deadline<'above>>,
    /// The number of the last failure inside the call, or 0.
    last_failure: AtomicU32,
}

const NOT_STARTED: u64 = 0;
const FIRED: u64 = u64::MAX;

/// Thirty years. Longer timeouts are capped, to avoid overflowing the clock.
const LONGEST: Duration = Duration::from_secs(30 * 365 * 86_400);

impl Deadline<'static> {
    /// Creates a deadline that has already started.
    pub fn starting_now(after: Duration) -> Self {
        let deadline = Self::new(after);
        deadline.start();
        deadline
    }

    /// Creates a started deadline from the time left under others. Reads the clock if one of them
    /// hasn't started.
    #[cfg(feature = "boundary")]
    pub(crate) fn of_remaining(remaining: Remaining) -> Option<Self> {
        let at = match (remaining.at, remaining.after) {
            (NEVER, NEVER) => return None,
            (at, NEVER) => at,
            (at, after) => at.min(clock::to_nanos(Instant::now()).saturating_add(after)),
        };
        let deadline = Self::new(Duration::ZERO);
        deadline.at.store(at.min(FIRED - 1), Relaxed);
        Some(deadline)
    }
}

impl<'above> Deadline<'above> {
    /// Creates a deadline that hasn't started. Its timeout starts it when the call first has to
    /// wait. It never starts on its own.
    pub const fn new(after: Duration) -> Self {
        Self {
            after: saturating_nanos(after),
            at: AtomicU64::new(NOT_STARTED),
            above: None,
            last_failure: AtomicU32::new(0),
        }
    }

    /// Like [`new`](Self::new), nested in another deadline, which also applies.
    #[must_use]
    pub const fn under(after: Duration, above: &'above Deadline<'above>) -> Self {
        Self { above: Some(above), ..Self::new(after) }
    }

    /// Notes a failure inside the call, for this deadline and those around it.
    pub(crate) fn note(&self, failure: u32) {
        self.last_failure.store(failure, Relaxed);
        if let Some(above) = self.above {
            above.note(failure);
        }
    }

    /// The last failure inside the call.
    pub(crate) fn last_failure(&self) -> Option<&'static LastFailure> {
        last_failure::by_number(self.last_failure.load(Relaxed))
    }

    pub(crate) const fn after(&self) -> Duration {
        Duration::from_nanos(self.after)
    }

    /// Starts the deadline, and returns when it fires.
    pub(crate) fn start(&self) -> Instant {
        let fires_at = Instant::now() + self.after().min(LONGEST);
        self.at.store(clock::to_nanos(fires_at), Relaxed);
        fires_at
    }

    pub(crate) fn fire(&self) {
        self.at.store(FIRED, Relaxed);
    }

    pub(crate) fn has_started(&self) -> bool {
        self.at.load(Relaxed) != NOT_STARTED
    }

    /// Returns whether this deadline, or one around it, has cancelled the call.
    pub(crate) fn fired(&self) -> bool {
        self.at.load(Relaxed) == FIRED || self.above.is_some_and(Deadline::fired)
    }

    /// Returns how long the call has waited under this deadline, or `None` if it never had to wait.
    pub(crate) fn waited(&self) -> Option<Duration> {
        match self.at.load(Relaxed) {
            NOT_STARTED => None,
            FIRED => Some(self.after()),
            at => {
                let left = Duration::from_nanos(at.saturating_sub(clock::to_nanos(Instant::now())));
                Some(self.after().min(LONGEST).saturating_sub(left))
            }
        }
    }

    /// Returns the time left until the earliest of this deadline and those around it.
    pub(crate) fn time_left(&self, now: Instant) -> Duration {
        let own = match self.at.load(Relaxed) {
            NOT_STARTED => self.after(),
            FIRED => Duration::ZERO,
            at => Duration::from_nanos(at.saturating_sub(clock::to_nanos(now))),
        };
        self.above.map_or(own, |above| own.min(above.time_left(now)))
    }

    /// [`time_left`](Self::time_left) as of now.
    #[cfg(feature = "axum")]
    pub(crate) fn time_left_now(&self) -> Duration {
        self.time_left(Instant::now())
    }

    /// Returns what is needed to compute the time left, without reading the clock.
    pub(crate) fn remaining(&self) -> Remaining {
        let own = match self.at.load(Relaxed) {
            NOT_STARTED => Remaining { after: self.after, ..Remaining::NONE },
            FIRED => Remaining { after: 0, ..Remaining::NONE },
            at => Remaining { at, ..Remaining::NONE },
        };
        self.above.map_or(own, |above| own.earliest(above.remaining()))
    }

    /// Returns the time since the outermost started deadline was started. If it has fired, this is
    /// its full duration.
    pub(crate) fn elapsed(&self, now: Instant) -> Option<Duration> {
        if let Some(elapsed) = self.above.and_then(|above| above.elapsed(now)) {
            return Some(elapsed);
        }
        let after = self.after().min(LONGEST);
        match self.at.load(Relaxed) {
            NOT_STARTED => None,
            FIRED => Some(after),
            at => Some(
                after.saturating_sub(Duration::from_nanos(at.saturating_sub(clock::to_nanos(now)))),
            ),
        }
    }
}

/// The timeout around a call, or `()`.
pub trait OuterTimeout {
    /// Whether it may know how long a call has waited.
    const KEEPS_TIME: bool;

    /// The deadline.
    fn deadline(&self) -> Option<&Deadline<'_>>;
}

impl OuterTimeout for () {
    const KEEPS_TIME: bool = false;

    #[inline]
    fn deadline(&self) -> Option<&Deadline<'_>> {
        None
    }
}

impl OuterTimeout for Deadline<'_> {
    const KEEPS_TIME: bool = true;

    #[inline]
    fn deadline(&self) -> Option<&Deadline<'_>> {
        Some(self)
    }
}

impl OuterTimeout for &Deadline<'_> {
    const KEEPS_TIME: bool = true;

    #[inline]
    fn deadline(&self) -> Option<&Deadline<'_>> {
        Some(self)
    }
}

/// What is needed to compute the time left under several deadlines, started or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Remaining {
    /// When the first one fires, in the unit of [`clock::to_nanos`]. [`NEVER`] if none has started.
    at: u64,
    /// The shortest that hasn't started, in nanoseconds. [`NEVER`] if there is none.
    after: u64,
}

/// Longer than any deadline.
const NEVER: u64 = u64::MAX;

impl Remaining {
    pub(crate) const NONE: Self = Self { at: NEVER, after: NEVER };

    pub(crate) fn earliest(self, other: Self) -> Self {
        Self { at: self.at.min(other.at), after: self.after.min(other.after) }
    }

    /// The time left. Reads the clock if a deadline has started.
    pub(crate) fn left(self) -> Option<Duration> {
        let started =
            (self.at != NEVER).then(|| self.at.saturating_sub(clock::to_nanos(Instant::now())));
        let waiting = (self.after != NEVER).then_some(self.after);
        match (started, waiting) {
            (Some(started), Some(waiting)) => Some(started.min(waiting)),
            (one, other) => one.or(other),
        }
        .map(Duration::from_nanos)
    }
}

/// Saturates at 584 years.
const fn saturating_nanos(duration: Duration) -> u64 {
    let nanos = duration.as_nanos();
    if nanos > u64::MAX as u128 {
        return u64::MAX;
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked above; `try_from` isn't const")]
    let nanos = nanos as u64;
    nanos
}
