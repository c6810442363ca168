//! Exports a program's error catalogue as JSON or Markdown.
//!
//! `#[derive(ServiceError)]` generates each enum's part, `YourError::CATALOG`. Combine the parts in
//! an example, a test or a hidden subcommand, and publish the result with your API's documentation:
//!
//! ```
//! # #[cfg(all(feature = "macros", feature = "http"))] {
//! use resilience::{ServiceError, catalog};
//!
//! #[derive(Debug, thiserror::Error, ServiceError)]
//! #[service(domain = "orders")]
//! enum OrderError {
//!     /// Another customer bought the last one.
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
//! | `orders` `CONFLICT` | 409 | permanent | expected | Sold out | Another customer bought the last one. |
//! | `CORRUPT_STATE` | 500 | fatal | critical | An internal error occurred | |
//! "
//! );
//! assert!(catalog::to_json(&catalogs).contains(r#""code": "CONFLICT""#));
//! # }
//! ```
//!
//! The catalogue contains only your own types. A `transparent` variant has no entry; if its source
//! is one of your enums, add that enum's catalogue. Clients may also receive codes of other crates'
//! errors and of this crate, such as `CIRCUIT_OPEN`. They are listed in [`sql`](crate::sql),
//! [`Rejected`](crate::Rejected), [`UpstreamError`](crate::http::UpstreamError) and
//! [`errors`](crate::errors).

#[cfg(feature = "http")]
mod formats;

#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use formats::{to_json, to_markdown};

use crate::{Category, Severity};

/// A catalogue entry: the classification of one variant of an enum, or of a struct.
///
/// `#[derive(ServiceError)]` generates the entries as `YourError::CATALOG`, in the order of the
/// variants. A `transparent` variant has no entry, because its source classifies itself.
///
/// ```
/// # #[cfg(feature = "macros")] {
/// use resilience::{Category, ServiceError};
///
/// #[derive(Debug, thiserror::Error, ServiceError)]
/// enum OrderError {
///     /// Another customer bought the last one.
///     #[error("{sku} is sold out")]
///     #[service(conflict, public = "Sold out")]
///     SoldOut { sku: String },
/// }
///
/// let entry = &OrderError::CATALOG[0];
/// assert_eq!((entry.code, entry.status), ("CONFLICT", 409));
/// assert_eq!(entry.category, Category::Permanent);
/// assert_eq!(entry.doc, "Another customer bought the last one.");
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogEntry {
    /// The name of the variant, or of the struct.
    pub variant: &'static str,
    /// The machine-readable code.
    pub code: &'static str,
    /// The enum's domain, `#[service(domain = "…")]`, if it has one.
    pub domain: Option<&'static str>,
    /// The category.
    pub category: Category,
    /// The severity.
    pub severity: Severity,
    /// The HTTP status.
    pub status: u16,
    /// The text for clients: the template of `public = "…"`, or else the generic text of the
    /// status.
    pub public: PublicMessage,
    /// The doc comment, with its lines joined by newlines.
    pub doc: &'static str,
}

/// The text of a [`CatalogEntry`] for clients, and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicMessage {
    /// The template of `public = "…"`, before its fields are filled in.
    Template(&'static str),
    /// The generic text of the status.
    Generic(&'static str),
}

impl CatalogEntry {
    /// Creates an entry. Called by the expansion of `#[derive(ServiceError)]`.
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
                // Unreachable, since the derive classifies every variant. This avoids a panic.
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
