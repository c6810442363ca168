use std::fmt;

/// The state of a circuit breaker, which decides how the next call is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CircuitState {
    /// Calls are admitted, and failures are counted.
    Closed,
    /// Calls are rejected until the recovery timeout is over. The first call after that is a probe.
    Open,
    /// A few probes are running, and all other calls are rejected.
    HalfOpen,
    /// Calls are rejected until the state is changed manually.
    ForcedOpen,
    /// Calls are admitted until the state is changed manually. Failures are counted and reported.
    ForcedClosed,
    /// Calls are admitted as if there were no breaker. Nothing is counted.
    Disabled,
}

impl CircuitState {
    /// The state's name in logs: `"closed"`, `"open"`, `"half_open"`, `"forced_open"`,
    /// `"forced_closed"`, `"disabled"`.
    ///
    /// ```
    /// assert_eq!(resilience::circuit_breaker::CircuitState::HalfOpen.as_str(), "half_open");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::ForcedOpen => "forced_open",
            Self::ForcedClosed => "forced_closed",
            Self::Disabled => "disabled",
        }
    }
}

#[cfg(feature = "metrics")]
impl CircuitState {
    /// Whether calls get through, as a number for a plot.
    pub(crate) const fn level(self) -> u8 {
        match self {
            Self::Closed | Self::ForcedClosed | Self::Disabled => 0,
            Self::HalfOpen => 1,
            Self::Open | Self::ForcedOpen => 2,
        }
    }
}

impl fmt::Display for CircuitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The reason for a state change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeReason {
    /// The number of consecutive failures reached the threshold.
    FailureThreshold,
    /// The failure rate of the window was reached.
    FailureRate,
    /// The slow-call rate of the window was reached.
    SlowCallRate,
    /// The recovery timeout elapsed, and a probe was admitted.
    RecoveryTimeout,
    /// A probe failed.
    ProbeFailed,
    /// A probe didn't finish in time.
    ProbeLost,
    /// All probes succeeded.
    ProbesSucceeded,
    /// The breaker was forced open or closed, disabled, or reset manually.
    Control,
}

impl ChangeReason {
    /// The reason's name in logs: `"failure_threshold"`, `"failure_rate"`, `"slow_call_rate"`,
    /// `"recovery_timeout"`, `"probe_failed"`, `"probe_lost"`, `"probes_succeeded"`, `"control"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FailureThreshold => "failure_threshold",
            Self::FailureRate => "failure_rate",
            Self::SlowCallRate => "slow_call_rate",
            Self::RecoveryTimeout => "recovery_timeout",
            Self::ProbeFailed => "probe_failed",
            Self::ProbeLost => "probe_lost",
            Self::ProbesSucceeded => "probes_succeeded",
            Self::Control => "control",
        }
    }
}

/// A state change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The previous state.
    pub old: CircuitState,
    /// The new state.
    pub new: CircuitState,
    /// The reason for the change.
    pub reason: ChangeReason,
}
