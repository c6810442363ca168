// This crate doesn't have the feature.

use resilience::ServiceError;

#[derive(Debug, thiserror::Error, ServiceError)]
#[service(axum)]
enum UserError {
    #[error("gone")]
    #[service(not_found)]
    Gone,
}

#[derive(Debug, thiserror::Error, ServiceError)]
#[error("{0}")]
#[service(conflict, axum)]
struct Generic<T: std::fmt::Display + std::fmt::Debug>(T);

fn main() {}
