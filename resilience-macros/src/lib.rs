//! The macros of the `resilience` crate, which re-exports and documents them; use that crate.

#![allow(
    missing_docs,
    reason = "documented where it is re-exported; rustdoc would show both texts"
)]

mod async_trait;
mod attributes;
mod diagnostics;
mod expand;
mod fallback;
mod function;
mod impl_block;
mod isolated;
mod item;
mod krate;
mod layer;
mod leftovers;
mod mockall;
mod options;
mod outcome;
#[cfg(test)]
mod robustness;
mod service_error;
#[cfg(test)]
mod snapshots;
mod steps;
mod tokens;
mod units;
mod warnings;

use proc_macro::TokenStream;

use layer::Kind;

/// Declares the entry point of each attribute.
macro_rules! attributes {
    ($($name:ident => $kind:ident,)*) => {
        $(
            #[proc_macro_attribute]
            pub fn $name(arguments: TokenStream, item: TokenStream) -> TokenStream {
                item::attribute(Kind::$kind, arguments.into(), &item.into()).into()
            }
        )*
    };
}

attributes! {
    boundary => Boundary,
    dead_letter => DeadLetter,
    degrade => Degrade,
    retry => Retry,
    circuit_breaker => CircuitBreaker,
    timeout => Timeout,
    transaction => Transaction,
}

#[proc_macro_attribute]
pub fn isolated(arguments: TokenStream, item: TokenStream) -> TokenStream {
    isolated::attribute(arguments.into(), &item.into()).into()
}

#[proc_macro_derive(ServiceError, attributes(service))]
pub fn service_error(input: TokenStream) -> TokenStream {
    service_error::derive(input.into()).into()
}
