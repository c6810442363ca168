//! Behaviour of the stores. Each of the shared tests runs on each store.

mod conformance;
mod migrations;
mod outages;
mod processes;
mod replay;
mod spill;
mod support;
mod transactions;
