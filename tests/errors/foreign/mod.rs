//! Errors of other crates.

mod boxed;
mod chains;
mod reqwest;
mod validation;
