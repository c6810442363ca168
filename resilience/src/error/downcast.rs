use std::error::Error;
use std::sync::Arc;

/// The error as what it is, also where it stands in a `Box` or is shared in an `Arc`: their types
/// hide its own, and their sources begin below it.
pub(crate) fn downcast<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    let boxed = || error.downcast_ref::<Box<T>>().map(|error| &**error);
    let shared = || error.downcast_ref::<Arc<T>>().map(|error| &**error);
    error.downcast_ref().or_else(boxed).or_else(shared)
}
