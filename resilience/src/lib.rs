//! Production error handling as attributes.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "tokio")]
mod clock;
#[cfg(feature = "tokio")]
mod deadline;
mod taxonomy;

pub use taxonomy::code::generic_message;
pub use taxonomy::{
    Advice, CatalogEntry, Category, Classification, Classify, FromRejected, PublicMessage, Rejected, Sent,
    ServiceError, Severity,
};
