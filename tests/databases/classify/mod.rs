//! Errors of real databases, and their classification.

mod mysql;
mod postgres;
mod sqlite;
mod sqlite_details;
