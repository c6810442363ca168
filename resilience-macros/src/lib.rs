//! The macros of the `resilience` crate.

mod diagnostics;
mod krate;
