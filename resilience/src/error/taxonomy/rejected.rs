use std::error::Error;
use std::fmt;
use std::time::Duration;

/// What the layers themselves report: the call was refused, or given up, before the callee
/// answered.
///
/// One variant in your own enum takes them all, and classifies itself:
///
/// ```
/// # #[cfg(feature = "macros")] {
/// use resilience::ServiceError;
///
/// #[derive(Debug, thiserror::Error, ServiceError)]
/// enum InventoryError {
///     #[error(transparent)]
///     #[service(transparent)]
///     Rejected(#[from] resilience::Rejected),
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejected {
    /// A circuit breaker is open: nothing was sent. Transient, `CIRCUIT_OPEN`, 503.
    #[non_exhaustive]
    CircuitOpen {
        /// The breaker's name.
        service: &'static str,
        /// When the breaker will next admit a probe; `None` where it can't be told (forced open,
        /// or probes under way).
        retry_after: Option<Duration>,
    },
    /// A `#[timeout]` ran out: the callee may have acted. Transient, `NETWORK_TIMEOUT`, 504.
    #[non_exhaustive]
    TimedOut {
        /// The label of the timeout: its `service`, or else the function's name.
        service: &'static str,
        /// The time that the call was given.
        after: Duration,
    },
}

impl Rejected {
    /// The rejection by an open circuit.
    pub const fn circuit_open(service: &'static str, retry_after: Option<Duration>) -> Self {
        Self::CircuitOpen { service, retry_after }
    }

    /// The rejection by a timeout.
    pub const fn timed_out(service: &'static str, after: Duration) -> Self {
        Self::TimedOut { service, after }
    }

    /// The label of the layer that rejected.
    pub const fn service(&self) -> &'static str {
        match self {
            Self::CircuitOpen { service, .. } | Self::TimedOut { service, .. } => service,
        }
    }

    /// Whether a timeout gave the call up.
    pub const fn is_timed_out(&self) -> bool {
        matches!(self, Self::TimedOut { .. })
    }

    /// Whether an open circuit refused the call.
    pub const fn is_circuit_open(&self) -> bool {
        matches!(self, Self::CircuitOpen { .. })
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CircuitOpen { service, retry_after: None } => {
                write!(f, "the circuit of {service} is open")
            }
            Self::CircuitOpen { service, retry_after: Some(wait) } => {
                write!(f, "the circuit of {service} is open for another {wait:?}")
            }
            Self::TimedOut { service, after } => write!(f, "{service} timed out after {after:?}"),
        }
    }
}

impl Error for Rejected {}

/// An error type that a layer's own failure can become. Implemented for every `E: From<Rejected>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no variant for the errors of the layers",
    label = "a layer on this function can reject calls, but this error doesn't implement \
             `From<Rejected>`",
    note = "add a variant to your enum:\n    #[error(transparent)]\n    #[service(transparent)]\n \
            Rejected(#[from] resilience::Rejected),",
    note = "if `From` can't be implemented, write `rejected = |rejected| …` in the attribute"
)]
pub trait FromRejected: Sized {
    /// Wraps what the layer reports.
    fn from_rejected(rejected: Rejected) -> Self;
}

#[diagnostic::do_not_recommend]
impl<E: From<Rejected>> FromRejected for E {
    fn from_rejected(rejected: Rejected) -> Self {
        E::from(rejected)
    }
}
