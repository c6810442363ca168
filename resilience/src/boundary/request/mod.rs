//! The request context of a task: the request id, the user and the tenant that the work is done
//! for.

use std::future::Future;

use tracing::Instrument as _;

use crate::layer::context;
use crate::shutdown::Shutdown;

pub use crate::observe::request::{ContextId, RequestContext, RequestId};

/// Like `tokio::spawn`, but passes the request context, the tracing span, the context of the
/// current call, and the current [`Shutdown`] to the new task.
///
/// In the task, [`context()`](crate::context) has the attempt, the idempotency key and the deadline
/// of the call that has started it. A `#[retry(non_idempotent)]` doesn't repeat an attempt that has
/// started a task, because it can't know what the task has done.
///
/// ```
/// use resilience::RequestContext;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let context = RequestContext::new();
/// let id = context.request_id().clone();
/// let seen = context.scope(async {
///     resilience::spawn(async { RequestContext::current().unwrap().request_id().clone() }).await.unwrap()
/// }).await;
/// assert_eq!(seen, id);
/// # });
/// ```
///
/// # Panics
/// Panics if called outside a tokio runtime, like `tokio::spawn`.
#[track_caller]
pub fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    start(context::carry(future))
}

/// Like [`spawn`], for work that goes on when the current call has ended: without that call's
/// attempt, key and deadline.
#[cfg(feature = "stale")]
#[track_caller]
pub(crate) fn spawn_detached<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    start(future)
}

#[track_caller]
fn start<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let span = tracing::Span::current();
    #[cfg(feature = "testing")]
    let future = crate::support::isolation::carry(future);
    match (RequestContext::current(), Shutdown::scoped()) {
        (Some(context), Some(shutdown)) => {
            tokio::spawn(context.scope(shutdown.scope(future)).instrument(span))
        }
        (Some(context), None) => tokio::spawn(context.scope(future).instrument(span)),
        (None, Some(shutdown)) => tokio::spawn(shutdown.scope(future).instrument(span)),
        (None, None) => tokio::spawn(future.instrument(span)),
    }
}
