use std::fmt;

/// What a breaker does with the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CircuitState {
    /// Calls pass, and failures in a row are counted.
    Closed,
    /// Calls are rejected until the recovery timeout is over; the first one after it is a probe.
    Open,
    /// A few probes are under way, and every other call is rejected.
    HalfOpen,
    /// Calls are rejected until somebody says otherwise.
    ForcedOpen,
    /// Calls pass until somebody says otherwise; failures are counted and reported.
    ForcedClosed,
    /// Calls pass as if there were no breaker; nothing is counted.
    Disabled,
}

impl CircuitState {
    /// The state's name as it stands in logs: `"closed"`, `"open"`, `"half_open"`, `"forced_open"`,
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

impl fmt::Display for CircuitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why the state changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeReason {
    /// That many failures in a row opened it.
    FailureThreshold,
    /// The recovery timeout is over, and a probe was admitted.
    RecoveryTimeout,
    /// A probe failed.
    ProbeFailed,
    /// A probe hung.
    ProbeLost,
    /// Every probe succeeded.
    ProbesSucceeded,
    /// Somebody forced it open or closed, disabled it, or reset it.
    Control,
}

impl ChangeReason {
    /// The reason as it stands in logs: `"failure_threshold"`, `"recovery_timeout"`,
    /// `"probe_failed"`, `"probe_lost"`, `"probes_succeeded"`, `"control"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FailureThreshold => "failure_threshold",
            Self::RecoveryTimeout => "recovery_timeout",
            Self::ProbeFailed => "probe_failed",
            Self::ProbeLost => "probe_lost",
            Self::ProbesSucceeded => "probes_succeeded",
            Self::Control => "control",
        }
    }
}

/// One change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// What it was.
    pub old: CircuitState,
    /// What it is.
    pub new: CircuitState,
    /// Why.
    pub reason: ChangeReason,
}
