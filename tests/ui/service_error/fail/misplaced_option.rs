use resilience::ServiceError;
use std::time::Duration;

#[derive(Debug, thiserror::Error, ServiceError)]
#[service(transient, code = "ON_THE_ENUM", retry_after)]
enum OrderError {
    #[error("field options on a variant")]
    #[service(transient, retry_after)]
    Wait(Duration),
    #[error("{sku}")]
    #[service(not_found, expose)]
    Shown { sku: String },
    #[error("source")]
    #[service(transparent, source)]
    Source(resilience::Rejected),
    #[error("item options on a variant")]
    #[service(conflict, domain = "orders", crate = ::resilience)]
    Domain,
    #[error("variant options on a field")]
    #[service(unavailable)]
    Field {
        #[service(permanent, code = "FIELD")]
        sku: String,
        #[service(domain = "orders")]
        other: String,
    },
}

#[derive(Debug, thiserror::Error, ServiceError)]
#[error("struct")]
#[service(transient, retry_after)]
struct Struct(Duration);

// No error on the following lines.
fn no_second_error(error: OrderError) {
    let error: &dyn ServiceError = &error;
    _ = (error.classify(), OrderError::CATALOG.len(), Struct::CATALOG);
}

fn main() {}
