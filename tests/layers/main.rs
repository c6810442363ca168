//! The layers: each alone, on every shape of function, and nested.

mod circuit_breaker;
mod degrade;
mod nest;
mod retry;
mod retry_budget;
mod shapes;
