use std::error::Error;

#[cfg(feature = "_sqlx")]
use super::sqlx;
use super::{Details, SqlCondition};

/// Returns the details of an error, if it comes from a database driver whose feature is enabled.
///
/// Recognises `sqlx::Error`, the content of its `Database` variant, and each driver's own error
/// type. Looks at this error only, not at its sources. Doesn't allocate.
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

/// Returns the condition of a database driver's error: shorthand for [`details`] and
/// [`Details::condition`].
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

/// Returns the name of the violated constraint, so that you can turn it into your own error.
///
/// | system | name |
/// |---|---|
/// | PostgreSQL | of the constraint or index, from a field of the error: `users_email_key` |
/// | MySQL, MariaDB | of the key or constraint, from the English message: `users.users_email_key` for MySQL since 8.0.19, `users_email_key` for MariaDB; `None` in other languages, except for foreign keys |
/// | SQLite | of the columns, from the message: `users.email`; for a check constraint, its name, or its expression if it has no name |
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
