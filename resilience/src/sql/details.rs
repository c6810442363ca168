use std::borrow::Cow;
use std::error::Error;

use super::SqlCondition;

/// What a log record or a handler may want to know of one error of a database driver, besides its
/// classification.
///
/// It holds names of the schema and no value of a row. What PostgreSQL calls the detail, which
/// quotes rows, isn't here.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Details<'e> {
    pub(super) system: Option<&'static str>,
    pub(super) code: Option<Code<'e>>,
    pub(super) condition: Option<SqlCondition>,
    pub(super) constraint: Option<&'e str>,
    pub(super) table: Option<&'e str>,
    pub(super) column: Option<&'e str>,
    pub(super) message_has_values: bool,
}

#[derive(Debug, Clone, Copy)]
#[cfg_attr(
    not(all(feature = "sqlx-postgres", any(feature = "sqlx-mysql", feature = "sqlx-sqlite"))),
    allow(dead_code, reason = "each driver has one of them")
)]
pub(super) enum Code<'e> {
    Text(&'e str),
    Number(i32),
}

impl<'e> Details<'e> {
    /// The system, by the names of OpenTelemetry's `db.system.name`: `postgresql`, `mysql`,
    /// `mariadb` or `sqlite`. `None` of an error that is the driver's own.
    ///
    /// The protocol doesn't tell MariaDB from MySQL; `mariadb` is said where only MariaDB sends
    /// this number.
    pub fn system(&self) -> Option<&'static str> {
        self.system
    }

    /// The database's own code, as it stands in OpenTelemetry's `db.response.status_code`: a
    /// SQLSTATE for PostgreSQL, a number for the others.
    pub fn code(&self) -> Option<Cow<'e, str>> {
        Some(match self.code? {
            Code::Text(code) => Cow::Borrowed(code),
            Code::Number(code) => Cow::Owned(code.to_string()),
        })
    }

    /// What the code means.
    pub fn condition(&self) -> Option<SqlCondition> {
        self.condition
    }

    /// The constraint that was violated; see [`constraint`].
    pub fn constraint(&self) -> Option<&'e str> {
        self.constraint
    }

    /// The table, where PostgreSQL names it.
    pub fn table(&self) -> Option<&'e str> {
        self.table
    }

    /// The column, where PostgreSQL names it.
    pub fn column(&self) -> Option<&'e str> {
        self.column
    }

    /// Whether the text of the error, or of what it is made from, may quote a value of a row or of
    /// the statement.
    ///
    /// True where it isn't known. See [`SqlCondition::message_has_values`].
    pub fn message_has_values(&self) -> bool {
        self.message_has_values
    }
}

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
    return super::sqlx::details(error);
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
    return super::sqlx::condition(error);
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
