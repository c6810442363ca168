//! The failures inside of calls that time out, each stored once.

use std::fmt;
use std::sync::{PoisonError, RwLock};

/// The last failure inside a call before it timed out: the dependency and the code.
///
/// ```
/// use resilience::{Rejected, secs};
///
/// let plain = Rejected::timed_out("checkout", secs(5));
/// assert!(plain.last_failure().is_none(), "set by a `#[timeout]` that expires");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastFailure {
    service: &'static str,
    code: &'static str,
}

impl LastFailure {
    /// The label of the annotated function that failed, or of the layer that rejected its call.
    pub const fn service(&self) -> &'static str {
        self.service
    }

    /// The error's code.
    pub const fn code(&self) -> &'static str {
        self.code
    }
}

/// Writes `SERVICE_UNAVAILABLE of inventory`.
impl fmt::Display for LastFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.code, self.service)
    }
}

/// A program has a few of these: a code for each way in which a dependency fails. Further ones
/// aren't told.
const MAX: usize = 1024;

static KNOWN: RwLock<Vec<&'static LastFailure>> = RwLock::new(Vec::new());

/// The number of a failure, from 1, or 0 if there are too many. A number fits into an atomic.
pub(crate) fn number_of(service: &'static str, code: &'static str) -> u32 {
    let failure = LastFailure { service, code };
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(number) = find(&known, failure) {
        return number;
    }
    drop(known);
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(number) = find(&known, failure) {
        return number;
    }
    if known.len() == MAX {
        return 0;
    }
    known.push(Box::leak(Box::new(failure)));
    u32::try_from(known.len()).unwrap_or(0)
}

fn find(known: &[&LastFailure], failure: LastFailure) -> Option<u32> {
    let index = known.iter().position(|known| **known == failure)?;
    u32::try_from(index + 1).ok()
}

/// The failure with this number.
pub(crate) fn by_number(number: u32) -> Option<&'static LastFailure> {
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_is_stored_once() {
        let number = number_of("stored once", "BUSY");
        assert_eq!(number_of("stored once", "BUSY"), number);
        assert_ne!(number_of("stored once", "DOWN"), number);
        assert_eq!(by_number(number).unwrap().to_string(), "BUSY of stored once");
        assert_eq!(by_number(0), None);
        assert_eq!(by_number(u32::MAX), None);
    }
}
