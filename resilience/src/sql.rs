//! Classifies database errors by their code: PostgreSQL, MySQL, MariaDB and SQLite, with any
//! driver.
//!
//! Each system has a table that maps its codes to a [`SqlKind`], and each kind has one
//! [`Classification`](crate::Classification). The tables are in the source of [`postgres`],
//! [`mysql`], [`mariadb`] and [`sqlite`]. Classifying an error allocates nothing and takes about
//! 15 ns, or 40 ns for SQLx's SQLite errors: `cargo bench -p resilience-database-tests --bench
//! classify`.
//!
//! # With SQLx
//!
//! The features `sqlx-postgres`, `sqlx-mysql` and `sqlx-sqlite` implement `Classify` for
//! `sqlx::Error`, so one transparent variant is enough:
//!
//! ```
//! # #[cfg(all(feature = "macros", feature = "sqlx-sqlite"))] {
//! use resilience::ServiceError;
//!
//! #[derive(Debug, thiserror::Error, ServiceError)]
//! enum UserError {
//!     #[error(transparent)]
//!     #[service(transparent)]
//!     Database(#[from] sqlx::Error),
//! }
//! # }
//! ```
//!
//! [`constraint`] returns the name of the violated constraint, so that you can turn it into your
//! own error. [`details`] returns the other details for a log record.
//!
//! # With another driver
//!
//! Classification needs only the code, not a feature or a driver:
//!
//! ```text
//! tokio-postgres   error.code().and_then(|state| postgres::classify(state.code()))
//! mysql_async      match error { Error::Server(error) => mysql::classify(error.code), … }
//! rusqlite         error.sqlite_error().and_then(|error| sqlite::classify(error.extended_code))
//! ```
//!
//! Use it to implement `Classify` for your own error:
//!
//! ```
//! use resilience::sql::postgres;
//! use resilience::{Classification, Classify};
//!
//! #[derive(Debug)]
//! struct DatabaseError {
//!     state: Option<String>,
//! }
//!
//! # impl std::fmt::Display for DatabaseError {
//! #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("the database failed") }
//! # }
//! impl Classify for DatabaseError {
//!     fn classify(&self) -> Classification {
//!         let condition = self.state.as_deref().and_then(postgres::classify);
//!         condition.map_or(Classification::unclassified(), |condition| condition.classification())
//!     }
//! }
//!
//! assert_eq!(DatabaseError { state: Some("23505".into()) }.classify().status(), 409);
//! ```
#![doc = include_str!("docs/conditions.md")]

pub use crate::error::database::{
    Details, SqlCondition, SqlKind, condition, constraint, details, mariadb, mysql, postgres,
    sqlite,
};
#[cfg(feature = "_sqlx")]
pub use crate::error::database::{Diagnosis, RolledBack, diagnose};
#[cfg(feature = "tokio")]
pub use crate::error::redact::log_database_values;
#[cfg(feature = "_sqlx")]
#[cfg_attr(
    docsrs,
    doc(cfg(any(feature = "sqlx-postgres", feature = "sqlx-mysql", feature = "sqlx-sqlite")))
)]
pub use crate::layer::transaction::{
    Checkout, FromSqlx, Transaction, TransactionAttempts, Transactional,
};
