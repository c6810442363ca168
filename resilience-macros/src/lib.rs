//! The macros of the `resilience` crate, which re-exports and documents them; use that crate.

#![allow(
    missing_docs,
    reason = "documented where it is re-exported; rustdoc would show both texts"
)]

mod async_trait;
mod attributes;
mod diagnostics;
mod expand;
mod function;
mod krate;
mod layer;
mod leftovers;

mod options;
mod outcome;
#[cfg(test)]
mod robustness;
mod service_error;
#[cfg(test)]
mod snapshots;
mod units;
mod warnings;

use layer::Kind;
use proc_macro::TokenStream;

// Where a mistake keeps a macro from its work, it still expands to the user's function beside the
// error: an editor goes on completing in it, and what calls it still compiles.

#[proc_macro_attribute]
pub fn retry(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(Kind::Retry, arguments.into(), &item.into()).into()
}

#[proc_macro_attribute]
pub fn circuit_breaker(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(Kind::CircuitBreaker, arguments.into(), &item.into()).into()
}

#[proc_macro_attribute]
pub fn timeout(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(Kind::Timeout, arguments.into(), &item.into()).into()
}

#[proc_macro_attribute]
pub fn degrade(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(Kind::Degrade, arguments.into(), &item.into()).into()
}

#[proc_macro_attribute]
pub fn transaction(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(Kind::Transaction, arguments.into(), &item.into()).into()
}

#[proc_macro_attribute]
pub fn boundary(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(Kind::Boundary, arguments.into(), &item.into()).into()
}

#[proc_macro_derive(ServiceError, attributes(service))]
pub fn service_error(input: TokenStream) -> TokenStream {
    service_error::derive(input.into()).into()
}
