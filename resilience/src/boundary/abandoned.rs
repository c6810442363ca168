//! Logs a request whose client has disconnected.

use super::request::RequestContext;
use crate::support::escape;

/// Logs that a request was dropped before its response was complete: its client has disconnected,
/// or an outer layer has given up. `part` is what was dropped: `handler` or `body`.
pub(crate) fn log(context: &RequestContext, part: &'static str) {
    tracing::info!(
        target: "resilience",
        request_id = context.request_id().as_str(),
        operation = context.operation().as_deref().map(escape::name).as_deref(),
        part,
        "request_abandoned"
    );
}
