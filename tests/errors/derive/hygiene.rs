// The output uses absolute paths, so that it depends neither on the user's names nor on a `use`.

#![deny(
    warnings,
    missing_docs,
    unused_qualifications,
    unreachable_pub,
    single_use_lifetimes,
    non_camel_case_types
)]
#![forbid(unsafe_code)]
#![no_implicit_prelude]
//! A user's crate.

extern crate resilience as facade;

#[allow(dead_code)]
mod core {}
#[allow(dead_code)]
mod std {}
#[allow(dead_code)]
mod resilience {}
#[allow(dead_code)]
struct Option;
#[allow(dead_code)]
struct Classification;

/// A re-export of the crate.
pub mod reexport {
    pub use ::resilience as inner;
}

/// An error.
#[derive(::std::fmt::Debug, ::thiserror::Error, facade::ServiceError)]
#[service(crate = crate::reexport::inner, domain = "users")]
pub enum UserError {
    /// Nobody has this name.
    #[error("{name}")]
    #[service(not_found, public = "No {name}")]
    Unknown {
        /// The name.
        #[service(expose)]
        name: ::std::string::String,
        /// Not shown.
        field0: u8,
    },
    /// Wait.
    #[error("wait")]
    #[service(transient, severity = expected, sent = never)]
    Wait(#[service(retry_after)] ::std::option::Option<::std::time::Duration>),
    /// A layer's.
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] ::resilience::Rejected),
}

/// By the absolute path.
#[derive(::std::fmt::Debug, ::thiserror::Error, facade::ServiceError)]
#[error("plain")]
#[service(internal)]
pub struct Plain;

fn main() {
    let error = UserError::Unknown { name: ::std::convert::From::from("Ada"), field0: 0 };
    let error: &dyn facade::ServiceError = &error;
    ::std::assert_eq!(error.classify().status(), 404);
    ::std::assert_eq!(error.public_message(), "No Ada");
    ::std::assert_eq!(UserError::CATALOG.len(), 2);
    ::std::assert_eq!(Plain::CATALOG.len(), 1);
}
