//! Errors: `#[derive(ServiceError)]`, and the classification of errors of other crates.

pub mod derive;
mod foreign;
