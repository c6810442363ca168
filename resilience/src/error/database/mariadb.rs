//! MariaDB's error numbers, versions 10.2 to 12, where they aren't MySQL's.

use super::mariadb_numbers::own;
use super::{SqlCondition, mysql};

/// What an error number of MariaDB means; `None` of a number that no MariaDB sends.
///
/// Below 1900, from 2000 to 2999 and from 3000 to 3060 the numbers are MySQL's; [`mysql::classify`]
/// reads them. A server error that isn't in the table is a [`ServerError`](super::SqlKind::ServerError):
/// permanent, 500.
///
/// Costs no allocation.
///
/// ```
/// use resilience::sql::{SqlKind, mariadb, mysql};
///
/// // The same number, of two servers.
/// assert_eq!(mariadb::classify(4025).unwrap().kind(), SqlKind::CheckViolation);
/// assert_eq!(mysql::classify(4025).unwrap().kind(), SqlKind::ServerError);
/// // MySQL's 3024, for what takes too long.
/// assert_eq!(mariadb::classify(1969).unwrap().classification().status(), 504);
/// ```
pub fn classify(number: u16) -> Option<SqlCondition> {
    match number {
        1900..=1999 | 4000.. => own(number),
        _ => mysql::classify(number),
    }
}
