use std::borrow::Cow;

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

    /// The constraint that was violated; see [`constraint`](crate::sql::constraint).
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
