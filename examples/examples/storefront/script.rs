//! What each upstream does, and when.

use std::time::Duration;

/// How long the play takes.
pub(crate) const LENGTH: Duration = Duration::from_secs(20);

/// How an upstream treats a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Healthy,
    /// Answers one in three with 503 and `Retry-After`, whether or not it has done the work.
    Busy,
    /// Does the work, and answers long after everybody has given up.
    Slow,
    /// Answers 503, half of the time with `Retry-After`, whether or not it has done the work.
    Failing,
    /// Its port is closed.
    Refusing,
}

impl Behaviour {
    pub(crate) const ALL: [Self; 5] =
        [Self::Healthy, Self::Busy, Self::Slow, Self::Failing, Self::Refusing];

    pub(crate) const fn symbol(self) -> char {
        match self {
            Self::Healthy => '·',
            Self::Busy => '%',
            Self::Slow => '~',
            Self::Failing => '5',
            Self::Refusing => 'x',
        }
    }

    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Busy => "turns some away",
            Self::Slow => "answers too late",
            Self::Failing => "answers 503",
            Self::Refusing => "port closed",
        }
    }
}

/// From which second on an upstream behaves how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script(&'static [(u64, Behaviour)]);

use Behaviour::{Busy, Failing, Healthy, Refusing, Slow};
pub(crate) const INVENTORY: Script =
    Script(&[(0, Healthy), (2, Slow), (4, Failing), (6, Refusing), (9, Healthy)]);
pub(crate) const RECOMMENDATIONS: Script =
    Script(&[(0, Healthy), (4, Slow), (6, Failing), (8, Refusing), (11, Healthy)]);
pub(crate) const PAYMENTS: Script =
    Script(&[(0, Healthy), (4, Busy), (7, Slow), (10, Failing), (12, Refusing), (14, Healthy)]);

impl Script {
    pub(crate) fn at(self, time: Duration) -> Behaviour {
        self.0
            .iter()
            .rev()
            .find(|(from, _)| *from <= time.as_secs())
            .map_or(Healthy, |(_, behaviour)| *behaviour)
    }

    /// The whole of it, for a timeline.
    pub(crate) fn by_half_second(self) -> impl Iterator<Item = (Duration, Behaviour)> {
        (0..LENGTH.as_secs() * 2)
            .map(|half| Duration::from_millis(half * 500))
            .map(move |time| (time, self.at(time)))
    }
}
