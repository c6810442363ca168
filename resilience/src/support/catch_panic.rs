//! Runs user code whose panics must not propagate.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Returns the function's result, or `None` if it panicked. The panic hook still runs.
pub(crate) fn catch_panic<T>(function: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(function)) {
        Ok(value) => Some(value),
        Err(panic) => {
            // Dropping the payload can panic too. The payload of that second panic is leaked.
            if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
                mem::forget(second);
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct PanicsOnDrop;

    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }

    #[test]
    fn catch_panic_catches_panics_of_the_function_and_of_dropping_its_payload() {
        assert_eq!(catch_panic(|| 3), Some(3));
        assert_eq!(catch_panic(|| panic!("once")), None::<()>);
        assert_eq!(catch_panic(|| std::panic::panic_any(PanicsOnDrop)), None::<()>);
    }
}
