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
#[allow(dead_code, non_camel_case_types)]
struct str;
#[allow(dead_code, non_upper_case_globals)]
const field0: u8 = 0;

/// A blanket trait whose methods would be chosen for any value.
#[allow(dead_code)]
trait Judges: ::std::marker::Sized {
    fn status(self) -> u8 {
        0
    }
    fn classify(self) -> u8 {
        0
    }
    fn advice(self) -> u8 {
        0
    }
    fn list(self) -> u8 {
        0
    }
}

impl<T> Judges for T {}

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
        other: u8,
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
    let unknown = UserError::Unknown { name: ::std::convert::From::from("Ada"), other: 0 };
    let unknown: &dyn facade::ServiceError = &unknown;
    let class = facade::Classify::classify(unknown);
    ::std::assert_eq!(facade::Classification::status(&class), 404);
    ::std::assert_eq!(unknown.public_message(), "No Ada");
    ::std::assert_eq!(UserError::CATALOG.len(), 2);
    ::std::assert_eq!(Plain::CATALOG.len(), 1);
}
