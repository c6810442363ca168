//! What a database's error means, by its code: for PostgreSQL, MySQL, MariaDB and SQLite, with any driver.

mod condition;
mod kind;
pub mod mariadb;
pub mod mysql;
pub mod postgres;
pub mod sqlite;

pub use condition::SqlCondition;
pub use kind::SqlKind;
