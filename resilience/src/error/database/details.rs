use std::borrow::Cow;

use super::SqlCondition;

/// Details of a database driver's error beyond its classification, for a log record or a handler.
///
/// Contains names from the schema, but no values of rows. PostgreSQL's `DETAIL`, which quotes rows,
/// is therefore not included.
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
    allow(dead_code, reason = "each driver uses only one variant")
)]
pub(super) enum Code<'e> {
    Text(&'e str),
    Number(i32),
}

impl<'e> Details<'e> {
    /// The system, named as in OpenTelemetry's `db.system.name`: `postgresql`, `mysql`, `mariadb`
    /// or `sqlite`. `None` if the error is the driver's own.
    ///
    /// The protocol doesn't distinguish MariaDB from MySQL, so this is `mariadb` only for errors
    /// that only MariaDB sends.
    pub fn system(&self) -> Option<&'static str> {
        self.system
    }

    /// The database's code, as in OpenTelemetry's `db.response.status_code`: a SQLSTATE for
    /// PostgreSQL, a number for the others.
    pub fn code(&self) -> Option<Cow<'e, str>> {
        Some(match self.code? {
            Code::Text(code) => Cow::Borrowed(code),
            Code::Number(code) => Cow::Owned(code.to_string()),
        })
    }

    /// The meaning of the code, if it is known.
    pub fn condition(&self) -> Option<SqlCondition> {
        self.condition
    }

    /// The violated constraint; see [`constraint`](crate::sql::constraint).
    pub fn constraint(&self) -> Option<&'e str> {
        self.constraint
    }

    /// The table, if PostgreSQL names it.
    pub fn table(&self) -> Option<&'e str> {
        self.table
    }

    /// The column, if PostgreSQL names it.
    pub fn column(&self) -> Option<&'e str> {
        self.column
    }

    /// Whether the text of the error or of its sources may quote a value of a row or of the
    /// statement.
    ///
    /// True if that isn't known. See [`SqlCondition::message_has_values`].
    pub fn message_has_values(&self) -> bool {
        self.message_has_values
    }
}
