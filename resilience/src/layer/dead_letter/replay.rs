//! Handing the message of a letter to its handler again.

use std::error::Error;
use std::fmt;

use super::PayloadError;
use crate::layer::site::Site;
use crate::{Classification, Classify, ServiceError, taxonomy::Evidence};

/// A letter couldn't be replayed: the error of the functions `…_replay`, which
/// [`#[dead_letter]`](macro@crate::dead_letter) writes.
#[derive(Debug)]
pub enum ReplayError<E> {
    /// The letter doesn't have what the handler needs. The handler wasn't called.
    Payload(PayloadError),
    /// The handler failed again.
    Handler(E),
}

impl<E> From<PayloadError> for ReplayError<E> {
    fn from(error: PayloadError) -> Self {
        Self::Payload(error)
    }
}

impl<E: fmt::Display> fmt::Display for ReplayError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload(error) => error.fmt(f),
            Self::Handler(error) => error.fmt(f),
        }
    }
}

/// Transparent: the source is that of the error inside.
impl<E: Error> Error for ReplayError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Payload(error) => error.source(),
            Self::Handler(error) => error.source(),
        }
    }
}

/// As the error inside.
impl<E: Classify> Classify for ReplayError<E> {
    fn classify(&self) -> Classification {
        match self {
            Self::Payload(error) => error.classify(),
            Self::Handler(error) => error.classify(),
        }
    }

    fn evidence(&self) -> Evidence<'_> {
        match self {
            Self::Payload(error) => error.evidence(),
            Self::Handler(error) => error.evidence(),
        }
    }
}

impl<E: ServiceError> ServiceError for ReplayError<E> {}

tokio::task_local! {
    /// The handler that is being replayed.
    static REPLAYED: Handler;
}

/// Identifies an annotated function: its name and the place of its attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handler {
    /// The name of the function.
    pub function: &'static str,
    /// The file of the attribute.
    pub file: &'static str,
    /// The line of the attribute.
    pub line: u32,
}

/// Calls a handler whose failure makes no letter.
pub async fn replaying<T>(handler: Handler, call: impl Future<Output = T>) -> T {
    REPLAYED.scope(handler, call).await
}

/// Whether this function is being replayed.
pub(super) fn is_replayed(site: &Site) -> bool {
    let (file, line) = site.location();
    let this = Handler { function: site.function(), file, line };
    REPLAYED.try_with(|handler| *handler == this).unwrap_or(false)
}
