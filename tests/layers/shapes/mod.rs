//! Every shape of function that can be annotated: it compiles without a warning, and works.

#![deny(warnings, clippy::pedantic)]

mod arguments;
mod foreign_attributes;
mod functions;
mod handles;
mod hygiene;
mod lints;
mod methods;
mod mocks;
mod outcomes;
mod owned_arguments;
mod result_aliases;
mod state;
mod support;
mod traits;
