use resilience::ServiceError;
use std::time::Duration;

#[derive(Debug, thiserror::Error, ServiceError)]
enum OrderError {
    #[error("two categories")]
    #[service(transient, permanent)]
    TwoCategories,
    #[error("category and kind")]
    #[service(not_found, transient)]
    CategoryAndKind,
    #[error("a wait that nobody waits")]
    #[service(permanent)]
    Wait(#[service(retry_after)] Duration),
    #[error("a retry that nobody makes")]
    #[service(cache_miss, retry = transaction)]
    Retry,
    #[error("a wait, and no retry")]
    #[service(transient, retry = never)]
    WaitAndNever(#[service(retry_after)] Duration),
    #[error("a wait, and the transaction")]
    #[service(deadlock)]
    Deadlock(#[service(retry_after)] Duration),
    #[error("fatal, but not so bad")]
    #[service(fatal, severity = expected, status = 404)]
    Fatal,
    #[error("fatal by its kind")]
    #[service(missing_config, severity = critical)]
    FatalKind,
    #[error("transparent, but")]
    #[service(transparent, code = "OWN", status = 404, severity = expected, public = "own", sent = never, retry = never)]
    Transparent {
        #[service(source)]
        inner: resilience::Rejected,
        #[service(retry_after)]
        wait: Duration,
        #[service(expose)]
        shown: u8,
    },
}

// No error on the following lines.
fn no_second_error(error: OrderError) {
    let error: &dyn ServiceError = &error;
    _ = (error.classify(), OrderError::CATALOG.len());
}

fn main() {}
