//! HTTP without a framework: what we answer, and what we send along.

mod outgoing;
mod problem;
