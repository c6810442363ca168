//! Shared by MySQL's and MariaDB's tables.

use super::{SqlCondition, SqlKind};

/// The meaning of a server error that the table doesn't list.
pub(super) const UNLISTED: SqlCondition = SqlCondition::new(SqlKind::ServerError, "unlisted");

/// Whether a server sends this number to clients. Numbers below 1000 are the operating system's,
/// from 2000 the client library's, and from 10 000 those of the server's log.
pub(super) const fn is_server_error(number: u16) -> bool {
    matches!(number, 1000..=1999 | 3000..=9999)
}
