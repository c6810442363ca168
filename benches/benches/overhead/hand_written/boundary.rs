//! A boundary: a request id that is generated on first use, and a log record for failures and
//! panics.

use std::panic::{self, AssertUnwindSafe};
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use crate::body::CallError;

tokio::task_local! {
    static REQUEST: OnceLock<Arc<str>>;
}

/// The id of the current request.
pub(super) fn request_id() -> Option<Arc<str>> {
    let make = || Arc::from(&*uuid::Uuid::now_v7().to_string());
    REQUEST.try_with(|request| request.get_or_init(make).clone()).ok()
}

/// Runs in the current request, or in a new one.
pub(super) async fn bounded<T>(
    operation: &'static str,
    work: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    if REQUEST.try_with(|_| ()).is_ok() {
        watched(operation, work).await
    } else {
        REQUEST.scope(OnceLock::new(), watched(operation, work)).await
    }
}

async fn watched<T>(
    operation: &'static str,
    work: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    let mut work = pin!(work);
    let polled = std::future::poll_fn(|cx| {
        panic::catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))).unwrap_or_else(
            |panicked| {
                log(operation, &"panicked");
                panic::resume_unwind(panicked)
            },
        )
    });
    match polled.await {
        Err(error) => {
            log(operation, &error);
            Err(error)
        }
        success => success,
    }
}

#[cold]
fn log(operation: &'static str, what: &dyn std::fmt::Display) {
    let id = request_id();
    tracing::error!(operation, request_id = id.as_deref(), "{what}");
}
