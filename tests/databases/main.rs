//! Real databases: SQLite always, PostgreSQL and MariaDB if `tests/with-services` runs them.

mod classify;
mod garbage;
mod macro_defaults;
mod once;
mod pool;
mod services;
mod transaction;
