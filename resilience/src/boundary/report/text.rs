//! Formats the traces of a record.

use std::fmt::Display;

use super::frames;
use crate::error::redact::PANICKED;
use crate::support::catch_panic::catch_panic;
use crate::support::escape;
#[cfg(feature = "tracing-error")]
use crate::{error::log_text, taxonomy::Evidence};

/// The longest trace, in bytes: under 8 KiB with what marks that it was cut.
const MAX_TRACE: usize = 8 * 1000;

/// The spans around the boundary.
#[cfg(feature = "tracing-error")]
pub(super) fn spans(trace: &dyn Display, error: &dyn Display, evidence: &Evidence<'_>) -> String {
    log_text::spans(trace, error, evidence, MAX_TRACE)
}

/// A backtrace: the frames of the program.
pub(super) fn trace(trace: &dyn Display) -> String {
    catch_panic(|| escape::lines(frames::of_the_program(&trace.to_string()), MAX_TRACE))
        .unwrap_or_else(|| PANICKED.to_owned())
}
