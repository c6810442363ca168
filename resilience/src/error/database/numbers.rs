//! What MySQL's and MariaDB's tables share.

use super::{SqlCondition, SqlKind};

/// What a number is that servers send and the table doesn't list.
pub(super) const UNLISTED: SqlCondition = SqlCondition::new(SqlKind::ServerError, "unlisted");

/// Below 1000 are the operating system's errors, from 2000 the client's, from 10 000 those of the
/// server's own log.
pub(super) const fn is_server_error(number: u16) -> bool {
    matches!(number, 1000..=1999 | 3000..=9999)
}
