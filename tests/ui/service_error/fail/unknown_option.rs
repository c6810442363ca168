use resilience::{Classify, ServiceError};
use std::time::Duration;

#[derive(Debug, thiserror::Error, ServiceError)]
#[service(domian = "orders")]
enum OrderError {
    #[error("misspelt")]
    #[service(transiant)]
    Misspelt,
    #[error("misspelt key")]
    #[service(transient, cod = "BUSY")]
    MisspeltKey,
    #[error("other libraries' words")]
    #[service(retryable, error_code = "BUSY", http_status = 503, user_message = "Busy")]
    Foreign,
    #[error("another case")]
    #[service(Transient, Status = 503)]
    Case,
    #[error("http's words")]
    #[service(too_many_requests, colour = "red")]
    Http,
    #[error("field")]
    #[service(transient)]
    Field {
        #[service(retry_in)]
        wait: Duration,
    },
}

#[derive(Debug, thiserror::Error, ServiceError)]
#[error("struct")]
#[service(permanent, domian = "orders")]
struct Struct;

// No error on the following lines.
fn no_second_error(error: OrderError) {
    let error: &dyn ServiceError = &error;
    _ = (error.classify(), OrderError::CATALOG.len(), Struct::CATALOG, Struct.classify());
}

fn main() {}
