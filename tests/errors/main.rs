//! Errors: what `#[derive(ServiceError)]` writes, and how errors of other crates are classified.

pub mod derive;
mod foreign;
