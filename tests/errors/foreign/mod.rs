//! Errors of other crates.

mod boxed;
mod reqwest;
mod validation;
