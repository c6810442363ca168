//! Runs the user's code where its panic must not become ours.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What the function returns, or nothing if it panicked; the panic hook has told of it.
pub(crate) fn catch_panic<T>(function: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(function)) {
        Ok(value) => Some(value),
        Err(panic) => {
            // What it panicked with may panic in its turn when it is dropped; what that panics with
            // is let be.
            if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
                mem::forget(again);
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }

    #[test]
    fn neither_a_panic_nor_what_it_carries_gets_through() {
        assert_eq!(catch_panic(|| 3), Some(3));
        assert_eq!(catch_panic(|| panic!("once")), None::<()>);
        assert_eq!(catch_panic(|| std::panic::panic_any(Bomb)), None::<()>);
    }
}
