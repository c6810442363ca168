//! HTTP without a framework: what we answer, and what we send along.

mod callee;
mod garbage;
mod once;
mod outgoing;
mod problem;
mod sourced;
