//! What happens once per process, and once in each isolated test.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

#[cfg(feature = "testing")]
use crate::support::isolation::{self, Identity, Isolate};

/// Whether something has happened.
#[derive(Debug)]
pub(crate) struct OncePerProcess {
    has_happened: AtomicBool,
    #[cfg(feature = "testing")]
    identity: Identity,
}

impl OncePerProcess {
    pub(crate) const fn new() -> Self {
        Self {
            has_happened: AtomicBool::new(false),
            #[cfg(feature = "testing")]
            identity: Identity::new(),
        }
    }

    /// True for the first caller.
    pub(crate) fn is_first(&self) -> bool {
        #[cfg(feature = "testing")]
        let this = isolation::current(self);
        #[cfg(not(feature = "testing"))]
        let this = self;
        !this.has_happened.swap(true, Relaxed)
    }
}

#[cfg(feature = "testing")]
impl Isolate for OncePerProcess {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn fresh(&self) -> Self {
        Self::new()
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::support::isolation::Scope;

    #[test]
    fn first_caller_is_known_once_per_process_and_once_in_each_isolated_test() {
        static WARNED: OncePerProcess = OncePerProcess::new();
        for _ in 0..2 {
            let _entered = Scope::new().enter();
            assert_eq!([WARNED.is_first(), WARNED.is_first()], [true, false]);
        }
        assert_eq!([WARNED.is_first(), WARNED.is_first()], [true, false], "outside");
    }
}
