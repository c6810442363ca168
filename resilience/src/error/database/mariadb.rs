//! MariaDB's error numbers, versions 10.2 to 12, that differ from MySQL's.

use super::{SqlCondition, mariadb_numbers, mysql};

/// Returns the meaning of a MariaDB error number, or `None` if MariaDB doesn't send it.
///
/// The numbers below 1900 and from 2000 to 3060 are the same as MySQL's, see [`mysql::classify`]. A
/// server error that isn't in the table is a [`ServerError`](super::SqlKind::ServerError):
/// permanent, 500.
///
/// Doesn't allocate.
///
/// ```
/// use resilience::sql::{SqlKind, mariadb, mysql};
///
/// // The same number means something else on each server.
/// assert_eq!(mariadb::classify(4025).unwrap().kind(), SqlKind::CheckViolation);
/// assert_eq!(mysql::classify(4025).unwrap().kind(), SqlKind::ServerError);
/// // A statement timeout, which is 3024 in MySQL.
/// assert_eq!(mariadb::classify(1969).unwrap().classification().status(), 504);
/// ```
pub fn classify(number: u16) -> Option<SqlCondition> {
    match number {
        1900..=1999 | 4000.. => mariadb_numbers::condition(number),
        _ => mysql::classify(number),
    }
}
