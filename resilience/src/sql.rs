//! What a database's error means, by its code: for PostgreSQL, MySQL, MariaDB and SQLite, with any
//! driver.
//!
//! Each system has one table from its codes to a [`SqlKind`], and each kind has one
//! [`Classification`](crate::Classification). The tables are in the source of [`postgres`],
//! [`mysql`], [`mariadb`] and [`sqlite`], to be read and corrected. A classification costs no
//! allocation and about 15 ns, of SQLx's error of SQLite 40: `cargo bench -p
//! resilience-database-tests --bench classify`.
//!
//! # With SQLx
//!
//! The features `sqlx-postgres`, `sqlx-mysql` and `sqlx-sqlite` make `sqlx::Error` classify itself,
//! so that one variant takes it:
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
//! [`constraint`] gives the name of the constraint, to turn it into an error of the service's own;
//! [`details`] gives the rest that a log record wants.
//!
//! # With another driver
//!
//! Classification needs no feature and no driver, only the code:
//!
//! ```text
//! tokio-postgres   error.code().and_then(|state| postgres::classify(state.code()))
//! mysql_async      match error { Error::Server(error) => mysql::classify(error.code), … }
//! rusqlite         error.sqlite_error().and_then(|error| sqlite::classify(error.extended_code))
//! ```
//!
//! An error of your own then answers with it:
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
