use resilience::{Rejected, ServiceError};

#[derive(Debug, thiserror::Error, ServiceError)]
enum OrderError {
    #[error("unit")]
    #[service(transparent)]
    Unit,
    #[error("which of the two")]
    #[service(transparent)]
    Ambiguous(Rejected, u8),
    #[error("both")]
    #[service(transparent)]
    Both(#[service(source)] Rejected, #[service(source)] Rejected),
    #[error("nobody asks it")]
    #[service(permanent)]
    NotTransparent(#[service(source)] Rejected),
}

// No error on the following lines.
fn no_second_error(error: OrderError) {
    let error: &dyn ServiceError = &error;
    _ = (error.classify(), OrderError::CATALOG.len());
}

fn main() {}
