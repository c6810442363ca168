//! What a database's error means, by its code: for PostgreSQL, MySQL, MariaDB and SQLite, with any driver.

mod condition;
mod details;
mod kind;
pub mod mariadb;
#[cfg(any(feature = "_sqlx", test))]
mod message;
pub mod mysql;
pub mod postgres;
pub mod sqlite;
#[cfg(feature = "_sqlx")]
mod sqlx;
#[cfg(test)]
mod tests;

pub use condition::SqlCondition;
pub use details::{Details, condition, constraint, details};
pub use kind::SqlKind;
