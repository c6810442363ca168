#![deny(warnings)]

use resilience::ServiceError;

#[derive(Debug, thiserror::Error, ServiceError)]
#[service(crate = )]
pub enum Path {
    #[error("gone")]
    #[service(permanent)]
    Gone,
}

#[derive(Debug, thiserror::Error, ServiceError)]
#[service(domain = )]
pub enum Options {
    #[error("a")]
    #[service(not_found, public = )]
    Public,
    #[error("b")]
    #[service(transient, code = , status = )]
    Code,
    #[error("c")]
    #[service(transient, severity = , alert = , sent = , retry = )]
    Choices,
    #[error("d")]
    #[service(permanent, status = 404x, code = "GONE"s)]
    Suffixes,
}

fn main() {}
