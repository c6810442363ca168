//! Classifies database errors by their code, with one table per system.

mod condition;
mod details;
#[cfg(feature = "_sqlx")]
mod diagnose;
mod inspect;
mod kind;
pub mod mariadb;
mod mariadb_numbers;
#[cfg(any(feature = "_sqlx", test))]
mod message;
pub mod mysql;
mod numbers;
pub mod postgres;
#[cfg(feature = "_sqlx")]
mod probe;
#[cfg(feature = "_sqlx")]
mod rolled_back;
pub mod sqlite;
#[cfg(feature = "_sqlx")]
mod sqlx;
#[cfg(test)]
mod tests;

pub use condition::SqlCondition;
pub use details::Details;
#[cfg(feature = "_sqlx")]
pub use diagnose::{Diagnosis, diagnose};
pub use inspect::{condition, constraint, details};
pub use kind::SqlKind;
#[cfg(feature = "_sqlx")]
pub use rolled_back::RolledBack;
