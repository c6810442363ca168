//! Real databases: SQLite always, PostgreSQL and MariaDB if `tests/with-services` runs them.

mod classify;
mod garbage;
mod macro_defaults;
mod once;
mod pool;
mod services;
/// The example of the docs, whose tests rustdoc compiles but doesn't run.
#[path = "../../resilience/src/docs/testing_sqlx.rs"]
mod testing_example;
mod transaction;
