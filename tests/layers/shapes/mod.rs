//! Every shape of function that an attribute may stand on: it compiles without a warning, and does
//! what the layer says.

#![deny(warnings, clippy::pedantic)]

mod arguments;
mod foreign_attributes;
mod functions;
mod lints;
mod methods;
mod outcomes;
mod state;
mod support;
mod traits;
