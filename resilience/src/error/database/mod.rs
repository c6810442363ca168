//! What a database's error means, by its code: one table for each database.

mod condition;
mod details;
#[cfg(feature = "_sqlx")]
mod diagnose;
mod inspect;
mod kind;
pub mod mariadb;
#[cfg(any(feature = "_sqlx", test))]
pub(super) mod message;
pub mod mysql;
pub mod postgres;
#[cfg(feature = "_sqlx")]
mod probe;
#[cfg(feature = "_sqlx")]
mod rolled_back;
pub mod sqlite;
#[cfg(test)]
mod tests;

pub use condition::SqlCondition;
#[cfg(any(feature = "sqlx-postgres", feature = "sqlx-mysql", feature = "sqlx-sqlite"))]
pub(super) use details::Code;
pub use details::Details;
#[cfg(feature = "_sqlx")]
pub use diagnose::{Diagnosis, diagnose};
pub use inspect::{condition, constraint, details};
pub use kind::SqlKind;
#[cfg(feature = "_sqlx")]
pub use rolled_back::RolledBack;
