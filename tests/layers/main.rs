//! The layers: each alone, on every shape of function, and nested.

mod circuit_breaker;
mod dead_letter;
mod degrade;
mod events;
mod impl_block;
mod macro_defaults;
mod nest;
mod nested_calls;
mod not_async;
mod retry;
mod retry_budget;
mod shapes;
