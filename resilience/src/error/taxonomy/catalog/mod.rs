//! The catalogue of a program's errors as JSON, for machines, and as Markdown, for people.
//!
//! `#[derive(ServiceError)]` writes each enum's part, `YourError::CATALOG`. Put the parts together
//! where all of them are known, in an example, a test or a hidden subcommand, and keep the outcome
//! beside your API's documentation:
//!
//! ```
//! # #[cfg(all(feature = "macros", feature = "http"))] {
//! use resilience::{ServiceError, catalog};
//!
//! #[derive(Debug, thiserror::Error, ServiceError)]
//! #[service(domain = "orders")]
//! enum OrderError {
//!     /// Somebody else took the last one.
//!     #[error("{sku} is sold out")]
//!     #[service(conflict, public = "Sold out")]
//!     SoldOut { sku: String },
//! }
//!
//! #[derive(Debug, thiserror::Error, ServiceError)]
//! #[error("the books don't add up")]
//! #[service(corrupt_state)]
//! struct Unbalanced;
//!
//! let catalogs = [OrderError::CATALOG, Unbalanced::CATALOG];
//!
//! assert_eq!(
//!     catalog::to_markdown(&catalogs),
//!     "\
//! | code | status | category | severity | clients read | meaning |
//! |---|---|---|---|---|---|
//! | `orders` `CONFLICT` | 409 | permanent | expected | Sold out | Somebody else took the last one. |
//! | `CORRUPT_STATE` | 500 | fatal | critical | An internal error occurred | |
//! "
//! );
//! assert!(catalog::to_json(&catalogs).contains(r#""code": "CONFLICT""#));
//! # }
//! ```
//!
//! It holds what your own enums say. A `transparent` variant has no line: put its source's part
//! beside, where that is an enum of yours. Clients meet the codes of foreign errors and of this
//! crate too, such as `CIRCUIT_OPEN`; they stand in the tables of [`sql`](crate::sql),
//! [`Rejected`](crate::Rejected), [`UpstreamError`](crate::http::UpstreamError) and
//! [`errors`](crate::errors).

#[cfg(feature = "http")]
mod formats;

#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use formats::{to_json, to_markdown};

use crate::{Category, Severity};

/// One line of the catalogue that `#[derive(ServiceError)]` writes for an enum or a struct: what a
/// variant promises.
///
/// The derive makes it an associated constant, `YourError::CATALOG`, in the order of the variants.
/// A `transparent` variant has no line of its own: its source classifies itself.
///
/// ```
/// # #[cfg(feature = "macros")] {
/// use resilience::{Category, ServiceError};
///
/// #[derive(Debug, thiserror::Error, ServiceError)]
/// enum OrderError {
///     /// Somebody else took the last one.
///     #[error("{sku} is sold out")]
///     #[service(conflict, public = "Sold out")]
///     SoldOut { sku: String },
/// }
///
/// let entry = &OrderError::CATALOG[0];
/// assert_eq!((entry.code, entry.status), ("CONFLICT", 409));
/// assert_eq!(entry.category, Category::Permanent);
/// assert_eq!(entry.doc, "Somebody else took the last one.");
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogEntry {
    /// The name of the variant, or of the struct.
    pub variant: &'static str,
    /// The machine-readable code.
    pub code: &'static str,
    /// The domain of the enum, `#[service(domain = "…")]`, if it has one.
    pub domain: Option<&'static str>,
    /// The category.
    pub category: Category,
    /// How bad it is.
    pub severity: Severity,
    /// The HTTP status.
    pub status: u16,
    /// What the client may see: the template of `public = "…"`, or else the generic text of the
    /// status.
    pub public: PublicMessage,
    /// The doc comment, its lines joined by line feeds.
    pub doc: &'static str,
}

/// Where the client's text of a [`CatalogEntry`] comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicMessage {
    /// `public = "…"`, before its fields are filled in.
    Template(&'static str),
    /// The generic text of the status.
    Generic(&'static str),
}

impl CatalogEntry {
    /// A line of a catalogue; `#[derive(ServiceError)]` writes the call.
    #[doc(hidden)]
    pub const fn new(
        variant: &'static str,
        domain: Option<&'static str>,
        classification: &crate::Classification,
        public: Option<&'static str>,
        doc: &'static str,
    ) -> Self {
        let status = classification.status();
        Self {
            variant,
            code: classification.code(),
            domain,
            category: match classification.category() {
                Some(category) => category,
                // Unreachable: the derive classifies every variant. A constant function can't say
                // so without a panic.
                None => Category::Permanent,
            },
            severity: classification.severity(),
            status,
            public: match public {
                Some(template) => PublicMessage::Template(template),
                None => PublicMessage::Generic(super::code::generic_message(status)),
            },
            doc,
        }
    }
}
