// Every variant needs a category, and one compile lists all that have none.

use resilience::{Classify, ServiceError};

#[derive(Debug, thiserror::Error, ServiceError)]
enum OrderError {
    #[error("no such item")]
    ItemNotFound { sku: String },
    #[error("says it")]
    #[service(conflict)]
    Conflict,
    #[error("payment declined")]
    Declined,
    #[error(transparent)]
    Rejected(#[from] resilience::Rejected),
    #[error("other options are no answer")]
    #[service(status = 409, code = "OTHER_OPTIONS")]
    OtherOptions,
}

#[derive(Debug, thiserror::Error, ServiceError)]
#[error("timeout")]
struct UpstreamTimeout;

// No error on the following lines.
fn no_second_error(order: OrderError) {
    let error: &dyn ServiceError = &order;
    _ = (error.classify(), error.public_message(), OrderError::CATALOG.len(), UpstreamTimeout.classify());
    _ = resilience::taxonomy::FromRejected::from_rejected as fn(_) -> OrderError;
}

fn main() {}
