use std::fmt;

use super::SqlKind;
use crate::Classification;

/// The meaning of a database's error code.
///
/// ```
/// use resilience::sql::{SqlKind, postgres};
///
/// let condition = postgres::classify("40P01").unwrap();
/// assert_eq!(condition.kind(), SqlKind::Deadlock);
/// assert_eq!(condition.name(), "deadlock");
/// assert_eq!(condition.own_name(), "deadlock_detected");
/// assert_eq!(condition.classification().status(), 503);
/// assert_eq!(postgres::classify("not one"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlCondition {
    kind: SqlKind,
    own_name: &'static str,
    message_has_values: bool,
}

impl SqlCondition {
    pub(super) const fn new(kind: SqlKind, own_name: &'static str) -> Self {
        Self { kind, own_name, message_has_values: kind.quotes_values() }
    }

    pub(super) const fn quoting(mut self, message_has_values: bool) -> Self {
        self.message_has_values = message_has_values;
        self
    }

    /// The kind of error, from a set shared by all systems.
    pub const fn kind(&self) -> SqlKind {
        self.kind
    }

    /// The stable name of the kind, as used in logs: `unique_violation`.
    pub const fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// The database's name for the code: `unique_violation`, `ER_DUP_ENTRY` or
    /// `SQLITE_CONSTRAINT_UNIQUE`.
    pub const fn own_name(&self) -> &'static str {
        self.own_name
    }

    /// The category, code, status, advice and the rest.
    pub const fn classification(&self) -> Classification {
        self.kind.classification()
    }

    /// Whether the database's message may quote a value of a row or of the statement, such as
    /// `Duplicate entry 'ada@b.c'`.
    ///
    /// True if that isn't known. Don't log such a message where personal data isn't allowed.
    ///
    /// ```
    /// use resilience::sql::{mysql, postgres};
    ///
    /// assert!(mysql::classify(1062).unwrap().message_has_values());
    /// // PostgreSQL names the constraint in the message. The value is in the detail.
    /// assert!(!postgres::classify("23505").unwrap().message_has_values());
    /// ```
    pub const fn message_has_values(&self) -> bool {
        self.message_has_values
    }
}

impl fmt::Display for SqlCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
