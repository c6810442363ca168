//! `#[transaction]`.

mod any_body;
mod basics;
mod entries;
mod interrupted;
mod mysql;
mod nest;
mod poisoned;
mod postgres;
mod shapes;
mod sqlite;
mod statement_timeout;
mod support;
