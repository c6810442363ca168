//! Walks along the causes of an error, which may form a circle.

use std::error::Error;
use std::sync::Arc;

use super::downcast::downcast;
use crate::support::catch_panic::catch_panic;

/// The maximum number of errors visited in a chain. A longer one is assumed to be circular.
pub(crate) const MAX_LINKS: usize = 1024;

/// The error and its sources, outermost first, at most [`MAX_LINKS`] of them. A `source` that panics
/// ends the chain, so that an error can be classified and logged whatever is in it.
pub(crate) fn links<'e>(
    first: Option<&'e (dyn Error + 'static)>,
) -> impl Iterator<Item = &'e (dyn Error + 'static)> + use<'e> {
    std::iter::successors(first, |&error| catch_panic(|| error.source()).flatten())
        .take(MAX_LINKS)
        .map(unshared)
}

/// The error in an `Arc<dyn Error + Send + Sync>`, which hides its type.
fn unshared<'e>(link: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    match link.downcast_ref::<Arc<dyn Error + Send + Sync>>() {
        Some(shared) => &**shared,
        None => link,
    }
}

/// The first error of type `T`, also inside a `Box` or an `Arc`.
#[cfg_attr(
    not(any(feature = "reqwest", feature = "tonic", feature = "_sqlx")),
    allow(dead_code, reason = "only errors of these crates are searched")
)]
pub(crate) fn find<'e, T: Error + 'static>(
    first: Option<&'e (dyn Error + 'static)>,
) -> Option<&'e T> {
    links(first).find_map(downcast)
}
