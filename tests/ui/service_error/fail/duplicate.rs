use resilience::ServiceError;
use std::time::Duration;

#[derive(Debug, thiserror::Error, ServiceError)]
#[service(domain = "orders")]
#[service(domain = "orders")]
enum OrderError {
    #[error("word")]
    #[service(transient, transient)]
    Word,
    #[error("option")]
    #[service(permanent, status = 404, status = 409)]
    Option,
    #[error("field")]
    #[service(unavailable)]
    Field(#[service(retry_after, retry_after)] Duration),
    #[error("fields")]
    #[service(unavailable, code = "FIELDS")]
    Fields(#[service(retry_after)] Duration, #[service(retry_after)] Duration),
    #[error("user")]
    #[service(not_found)]
    UnknownUser,
    #[error("sku")]
    #[service(not_found)]
    UnknownSku,
    #[error("tenant")]
    #[service(not_found, code = "UNKNOWN_USER")]
    UnknownTenant,
    #[error("region")]
    #[service(permanent, code = "UNKNOWN_USER")]
    UnknownRegion,
}

// No error on the following lines.
fn no_second_error(error: OrderError) {
    let error: &dyn ServiceError = &error;
    _ = (error.classify(), OrderError::CATALOG.len());
}

fn main() {}
