#![deny(warnings)]

use resilience::{Rejected, ServiceError};

#[derive(Debug, thiserror::Error, ServiceError)]
pub enum StockError {
    #[error("rejected")]
    #[service(internal)]
    Rejected(#[from] Rejected),
}

#[derive(Debug, thiserror::Error, ServiceError)]
#[error("rejected")]
#[service(unavailable)]
pub struct Struct {
    source: resilience::Rejected,
}

#[derive(Debug, thiserror::Error, ServiceError)]
pub enum Boxed {
    #[error("rejected")]
    #[service(transient, code = "BUSY")]
    Rejected(#[source] Box<Rejected>),
}

mod payments {
    #[derive(Debug, thiserror::Error)]
    #[error("the card was rejected")]
    pub struct Rejected;
}

/// Another type of that name.
#[derive(Debug, thiserror::Error, ServiceError)]
pub enum PaymentError {
    #[error("rejected")]
    #[service(conflict)]
    Rejected(#[from] payments::Rejected),
}

fn main() {}
