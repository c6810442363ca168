use std::error::Error;

#[cfg(feature = "_sqlx")]
use super::sqlx;
use super::{Details, SqlCondition};

/// The details of one error, if it is one of a database driver that a feature has switched on.
/// Looks at this error alone and not at its sources.
///
/// That is SQLx's own `Error`, what is inside its `Database` variant, and the error of each driver.
/// Costs no allocation.
///
/// ```
/// # #[cfg(feature = "sqlx-sqlite")] {
/// use resilience::sql::{self, SqlKind};
///
/// let details = sql::details(&sqlx::Error::PoolTimedOut).unwrap();
/// assert_eq!(details.condition().unwrap().kind(), SqlKind::PoolExhausted);
/// assert_eq!((details.system(), details.code()), (None, None));
/// # }
/// ```
pub fn details<'e>(error: &'e (dyn Error + 'static)) -> Option<Details<'e>> {
    #[cfg(feature = "_sqlx")]
    return sqlx::details(error);
    #[cfg(not(feature = "_sqlx"))]
    {
        let _: &'e _ = error;
        None
    }
}

/// What an error of a database driver means; [`Details::condition`] of [`details`].
///
/// ```
/// # #[cfg(feature = "sqlx-sqlite")] {
/// use resilience::sql::{self, SqlKind};
///
/// let kind = |error: &sqlx::Error| sql::condition(error).map(|condition| condition.kind());
/// assert_eq!(kind(&sqlx::Error::RowNotFound), Some(SqlKind::NoData));
/// # }
/// ```
pub fn condition(error: &(dyn Error + 'static)) -> Option<SqlCondition> {
    #[cfg(feature = "_sqlx")]
    return sqlx::condition(error);
    #[cfg(not(feature = "_sqlx"))]
    {
        let _: &_ = error;
        None
    }
}

/// The name of the constraint that an error of a database driver reports, to turn it into an error
/// of the service's own.
///
/// | system | the name |
/// |---|---|
/// | PostgreSQL | the constraint's or the index's, which is a field of the error: `users_email_key` |
/// | MySQL, MariaDB | the key's or the constraint's, out of the English message: `users.users_email_key` with MySQL since 8.0.19, `users_email_key` with MariaDB; `None` in other languages, except for foreign keys |
/// | SQLite | its columns, out of the message: `users.email`; for a check, the constraint's name or, if it has none, its expression |
///
/// ```
/// # #[cfg(all(feature = "macros", feature = "sqlx-sqlite"))] {
/// use resilience::{ServiceError, sql};
///
/// #[derive(Debug, thiserror::Error, ServiceError)]
/// enum UserError {
///     #[error("the email address is taken")]
///     #[service(conflict, public = "This email address is taken")]
///     EmailTaken,
///     #[error(transparent)]
///     #[service(transparent)]
///     Database(sqlx::Error),
/// }
///
/// impl From<sqlx::Error> for UserError {
///     fn from(error: sqlx::Error) -> Self {
///         match sql::constraint(&error) {
///             Some("users_email_key" | "users.email") => Self::EmailTaken,
///             _ => Self::Database(error),
///         }
///     }
/// }
/// # }
/// ```
pub fn constraint<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e str> {
    details(error)?.constraint
}
