//! The output of the derive raises no lint, even in a crate with strict lints.
//!
//! A public module, since some of the lints look at public items only.

#![deny(
    warnings,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    rust_2018_idioms,
    unused,
    deprecated
)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery)]
#![deny(
    clippy::absolute_paths,
    clippy::allow_attributes_without_reason,
    clippy::missing_trait_methods
)]
#![deny(
    missing_debug_implementations,
    missing_copy_implementations,
    trivial_casts,
    unused_lifetimes
)]
// An `allow` in the output would be an error here.
#![forbid(unsafe_code, dead_code, missing_docs, unreachable_pub, unused_imports)]

use std::time::Duration;

use resilience::ServiceError;

/// An error with every option.
#[derive(Debug, thiserror::Error, ServiceError)]
#[service(domain = "lints")]
pub(crate) enum LintError<'a, T: Send> {
    /// A text.
    #[error("{text}")]
    #[service(not_found, public = "No {text}: {number:?}")]
    Text {
        /// Borrowed.
        #[service(expose)]
        text: &'a str,
        /// Shown as it is.
        #[service(expose)]
        number: u8,
    },
    /// The same status as another, and the same classification.
    #[error("a")]
    #[service(transient, status = 503)]
    SameA(#[service(retry_after)] Option<Duration>),
    /// Of the same kind.
    #[error("b")]
    #[service(transient, status = 503)]
    SameB(#[service(retry_after)] Duration, T),
    /// Wraps.
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] resilience::Rejected),
}

#[allow(clippy::redundant_pub_crate, reason = "contradicts `unreachable_pub`")]
mod private {
    /// Unreachable, and its catalog is unused.
    #[derive(Debug, thiserror::Error, resilience::ServiceError)]
    #[error("private")]
    #[service(conflict)]
    pub(super) struct Private;
}

/// Public, and documented by its fields.
#[derive(Debug, Clone, Copy, thiserror::Error, ServiceError)]
#[error("public")]
#[service(fatal)]
pub struct Public;

/// One variant is deprecated.
#[derive(Debug, Clone, Copy, thiserror::Error, ServiceError)]
pub enum Retiring {
    /// Old.
    #[deprecated = "gone in the next version"]
    #[error("old")]
    #[service(permanent, public = "Old")]
    Old,
    /// New.
    #[error("new")]
    #[service(permanent)]
    New,
}

#[test]
fn derived_code_raises_no_lint() {
    let wait = LintError::<'_, u8>::SameB(Duration::from_secs(1), 7);
    let all = [LintError::Text { text: "x", number: 1 }, LintError::SameA(None), wait];
    for error in &all {
        let error: &dyn ServiceError = error;
        assert!(error.classify().category().is_some());
    }
    let more: [&dyn ServiceError; 3] = [&private::Private, &Public, &Retiring::New];
    assert_eq!(more.map(|error| error.classify().code()), ["CONFLICT", "PUBLIC", "NEW"]);
}
