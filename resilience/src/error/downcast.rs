use std::error::Error;
use std::sync::Arc;

/// Downcasts an error, also inside a `Box` or an `Arc`: these hide the type of the error they hold,
/// and their `source` skips it.
pub(crate) fn downcast<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    let boxed = || error.downcast_ref::<Box<T>>().map(|error| &**error);
    let shared = || error.downcast_ref::<Arc<T>>().map(|error| &**error);
    error.downcast_ref().or_else(boxed).or_else(shared)
}
