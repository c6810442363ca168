//! Real databases: SQLite always, PostgreSQL and MariaDB if `tests/with-services` runs them.

mod classify;
mod pool;
mod services;
mod transaction;
