use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::LastFailure;

/// The layers' own error: the call was refused, or timed out, before the callee answered.
///
/// One transparent variant in your enum is enough:
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
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejected {
    /// A circuit breaker is open, so nothing was sent. Transient, `CIRCUIT_OPEN`, 503.
    #[non_exhaustive]
    CircuitOpen {
        /// The breaker's name.
        service: &'static str,
        /// The time until the breaker admits a probe. `None` if it is unknown: the breaker is
        /// forced open, or probes are in flight.
        retry_after: Option<Duration>,
        #[doc(hidden)]
        breaker: Origin,
    },
    /// A `#[timeout]` elapsed; the callee may have acted. Transient, `NETWORK_TIMEOUT`, 504.
    #[non_exhaustive]
    TimedOut {
        /// The label of the timeout: its `service`, or else the function's name.
        service: &'static str,
        /// The time limit of the call.
        after: Duration,
        #[doc(hidden)]
        cause: Cause,
    },
    /// A `Flag` is off, so nothing was sent. Transient, not retried, `SWITCHED_OFF`, 503.
    #[non_exhaustive]
    SwitchedOff {
        /// The flag's name.
        flag: &'static str,
    },
}

impl Rejected {
    /// Creates the rejection of an open circuit.
    pub const fn circuit_open(service: &'static str, retry_after: Option<Duration>) -> Self {
        Self::CircuitOpen { service, retry_after, breaker: Origin(0) }
    }

    /// The same, made by `breaker`.
    #[cfg(feature = "tokio")]
    #[inline]
    pub(crate) fn by<B>(breaker: &B, service: &'static str, retry_after: Option<Duration>) -> Self {
        Self::CircuitOpen { service, retry_after, breaker: Origin::of(breaker) }
    }

    /// Whether `breaker` made this rejection. Compares addresses, because several breakers may have
    /// the same name. `breaker` must have been borrowed since then, so that it can't have moved.
    #[cfg(feature = "tokio")]
    pub(crate) fn is_by<B>(&self, breaker: &B) -> bool {
        matches!(self, Self::CircuitOpen { breaker: origin, .. } if origin.0 == Origin::of(breaker).0)
    }

    /// Creates the rejection of a timeout.
    pub const fn timed_out(service: &'static str, after: Duration) -> Self {
        Self::TimedOut { service, after, cause: Cause(None) }
    }

    /// The same, with what failed last inside the call.
    #[cfg(feature = "tokio")]
    pub(crate) const fn timed_out_after(
        service: &'static str,
        after: Duration,
        failure: Option<&'static LastFailure>,
    ) -> Self {
        Self::TimedOut { service, after, cause: Cause(failure) }
    }

    /// What failed last inside a call that timed out: a call of an annotated function, or an earlier
    /// attempt. `None` if nothing did.
    pub const fn last_failure(&self) -> Option<&'static LastFailure> {
        match self {
            Self::TimedOut { cause, .. } => cause.0,
            Self::CircuitOpen { .. } | Self::SwitchedOff { .. } => None,
        }
    }

    /// Creates the rejection of a flag that is off.
    pub const fn switched_off(flag: &'static str) -> Self {
        Self::SwitchedOff { flag }
    }

    /// The label of the layer that rejected the call: of a flag, its name.
    pub const fn service(&self) -> &'static str {
        match self {
            Self::CircuitOpen { service, .. } | Self::TimedOut { service, .. } => service,
            Self::SwitchedOff { flag } => flag,
        }
    }

    /// Whether the call timed out.
    pub const fn is_timed_out(&self) -> bool {
        matches!(self, Self::TimedOut { .. })
    }

    /// Whether an open circuit rejected the call.
    pub const fn is_circuit_open(&self) -> bool {
        matches!(self, Self::CircuitOpen { .. })
    }

    /// Whether a flag that is off rejected the call.
    pub const fn is_switched_off(&self) -> bool {
        matches!(self, Self::SwitchedOff { .. })
    }
}

/// The address of the breaker that has rejected a call, or 0.
///
/// All are equal: an error is compared by what it says.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "tokio"), allow(dead_code, reason = "there are no breakers"))]
pub struct Origin(usize);

#[cfg(feature = "tokio")]
impl Origin {
    #[inline]
    fn of<B>(breaker: &B) -> Self {
        Self(std::ptr::from_ref(breaker).addr())
    }
}

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Origin {}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Origin")
    }
}

/// What failed last inside a call that timed out.
///
/// All are equal: what failed before a timeout doesn't make it another one.
#[derive(Clone, Copy)]
pub struct Cause(Option<&'static LastFailure>);

impl PartialEq for Cause {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Cause {}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cause")
    }
}

impl fmt::Debug for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CircuitOpen { service, retry_after, .. } => f
                .debug_struct("CircuitOpen")
                .field("service", service)
                .field("retry_after", retry_after)
                .finish(),
            Self::TimedOut { service, after, .. } => {
                f.debug_struct("TimedOut").field("service", service).field("after", after).finish()
            }
            Self::SwitchedOff { flag } => {
                f.debug_struct("SwitchedOff").field("flag", flag).finish()
            }
        }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CircuitOpen { service, retry_after: None, .. } => {
                write!(f, "the circuit of {service} is open")
            }
            Self::CircuitOpen { service, retry_after: Some(wait), .. } => {
                write!(f, "the circuit of {service} is open for another {wait:?}")
            }
            Self::TimedOut { service, after, cause: Cause(None) } => {
                write!(f, "{service} timed out after {after:?}")
            }
            Self::TimedOut { service, after, cause: Cause(Some(failure)) } => {
                write!(f, "{service} timed out after {after:?}; the last failure was {failure}")
            }
            Self::SwitchedOff { flag } => write!(f, "{flag} is switched off"),
        }
    }
}

impl Error for Rejected {}

/// An error type that can hold a [`Rejected`]. Implemented for every `E: From<Rejected>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no variant for the errors of the layers",
    label = "a layer on this function can reject calls, but this error doesn't implement \
             `From<Rejected>`",
    note = "add a variant to your enum:\n    #[error(transparent)]\n    #[service(transparent)]\n    Rejected(#[from] resilience::Rejected),",
    note = "if `From` can't be implemented, write `rejected = |rejected| …` in the attribute"
)]
pub trait FromRejected: Sized {
    /// Converts a layer's rejection.
    fn from_rejected(rejected: Rejected) -> Self;
}

#[diagnostic::do_not_recommend]
impl<E: From<Rejected>> FromRejected for E {
    fn from_rejected(rejected: Rejected) -> Self {
        E::from(rejected)
    }
}
