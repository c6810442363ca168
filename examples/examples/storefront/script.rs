//! When each upstream fails, and how.

use std::time::Duration;

/// Length of the script.
pub(crate) const LENGTH: Duration = Duration::from_secs(20);

/// How an upstream handles a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Healthy,
    /// Answers one request in three with 503 and `Retry-After`, having done the work or not.
    Busy,
    /// Answers two requests in three with 503, so it never fails five times in a row.
    Flaky,
    /// Does the work, but answers after the caller's timeout.
    Slow,
    /// Answers 503, half of the time with `Retry-After`, having done the work or not.
    Failing,
    /// Its port is closed.
    Refusing,
    /// Healthy, but the shop has been told not to call it.
    SwitchedOff,
}

impl Behaviour {
    pub(crate) const ALL: [Self; 7] = [
        Self::Healthy,
        Self::Busy,
        Self::Flaky,
        Self::Slow,
        Self::Failing,
        Self::Refusing,
        Self::SwitchedOff,
    ];

    pub(crate) const fn symbol(self) -> char {
        match self {
            Self::Healthy => '·',
            Self::Busy => '%',
            Self::Flaky => '?',
            Self::Slow => '~',
            Self::Failing => '5',
            Self::Refusing => 'x',
            Self::SwitchedOff => 'o',
        }
    }

    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Busy => "overloaded",
            Self::Flaky => "fails 2 of 3",
            Self::Slow => "too slow",
            Self::Failing => "answers 503",
            Self::Refusing => "port closed",
            Self::SwitchedOff => "switched off",
        }
    }
}

/// The behaviours of an upstream, each with the second at which it starts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script(&'static [(u64, Behaviour)]);

use Behaviour::{Busy, Failing, Flaky, Healthy, Refusing, Slow, SwitchedOff};
pub(crate) const INVENTORY: Script =
    Script(&[(0, Healthy), (2, Slow), (4, Failing), (6, Refusing), (9, Healthy)]);
pub(crate) const RECOMMENDATIONS: Script = Script(&[
    (0, Healthy),
    (4, Slow),
    (6, Failing),
    (8, Refusing),
    (11, Healthy),
    (14, SwitchedOff),
    (17, Healthy),
]);
pub(crate) const SEARCH: Script = Script(&[(0, Healthy), (5, Flaky), (11, Healthy)]);
pub(crate) const PAYMENTS: Script =
    Script(&[(0, Healthy), (4, Busy), (7, Slow), (10, Failing), (12, Refusing), (14, Healthy)]);
/// One partner breaks, the other never does.
pub(crate) const ACME: Script = Script(&[(0, Healthy), (3, Failing), (7, Refusing), (12, Healthy)]);
pub(crate) const GLOBEX: Script = Script(&[(0, Healthy)]);

impl Script {
    pub(crate) fn at(self, time: Duration) -> Behaviour {
        self.0
            .iter()
            .rev()
            .find(|(from, _)| *from <= time.as_secs())
            .map_or(Healthy, |(_, behaviour)| *behaviour)
    }

    /// One entry per half second, for the timeline.
    pub(crate) fn by_half_second(self) -> impl Iterator<Item = (Duration, Behaviour)> {
        (0..LENGTH.as_secs() * 2)
            .map(|half| Duration::from_millis(half * 500))
            .map(move |time| (time, self.at(time)))
    }
}
