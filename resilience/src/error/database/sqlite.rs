//! SQLite's result codes, primary and extended.
//!
//! `SQLITE_OK`, `ROW`, `DONE`, `NOTICE` and `WARNING` aren't failures and aren't here.

use super::SqlKind as Is;
use super::{SqlCondition, SqlKind};

/// What a result code means: the extended code, where the driver has it, else the primary one.
/// `None` of what isn't a failure.
///
/// An extended code that isn't in the table is what its primary code says. A primary code alone
/// says less: `SQLITE_CONSTRAINT` (19) doesn't tell a unique constraint from another.
///
/// The database is a file of this process, so a full disk and missing memory are this process's
/// own: fatal.
///
/// Costs no allocation.
///
/// ```
/// use resilience::{Advice, sql::sqlite};
///
/// // With rusqlite: `error.sqlite_error().and_then(|error| sqlite::classify(error.extended_code))`.
/// assert_eq!(sqlite::classify(2579).unwrap().classification().status(), 409);
/// // The snapshot of this transaction is stale: the statement can never succeed in it.
/// assert_eq!(sqlite::classify(517).unwrap().classification().advice(), Advice::RetryTransaction);
/// ```
pub fn classify(code: i32) -> Option<SqlCondition> {
    let find = |code| ROWS.binary_search_by_key(&code, |(code, ..)| *code).ok();
    let (code, name, kind) = ROWS[find(code).or_else(|| find(code & 0xff).filter(|_| code > 0))?];
    let quotes = QUOTING.contains(&code) || (kind.quotes_values() && !NOT_QUOTING.contains(&code));
    Some(SqlCondition::new(kind, name).quoting(quotes))
}

const _: () = {
    let mut row = 1;
    while row < ROWS.len() {
        assert!(ROWS[row - 1].0 < ROWS[row].0, "the codes are sorted, each is there once");
        row += 1;
    }
};

/// The codes whose message may quote a value, other than those of a kind that always may: a syntax
/// error quotes the statement …
const QUOTING: &[i32] = &[1];
/// … and those of such a kind that never do.
const NOT_QUOTING: &[i32] = &[18, 20, 3091];

/// Code, SQLite's name of it, and what it means. Sorted by code. Correct it here and nowhere else.
const ROWS: &[(i32, &str, SqlKind)] = &[
    (1, "SQLITE_ERROR", Is::InvalidStatement),
    (2, "SQLITE_INTERNAL", Is::ServerError),
    (3, "SQLITE_PERM", Is::StorageError),
    (4, "SQLITE_ABORT", Is::InvalidStatement),
    (5, "SQLITE_BUSY", Is::LockNotAvailable),
    (6, "SQLITE_LOCKED", Is::LockNotAvailable),
    (7, "SQLITE_NOMEM", Is::LocalOutOfMemory),
    (8, "SQLITE_READONLY", Is::ReadOnlyFile),
    (9, "SQLITE_INTERRUPT", Is::QueryCanceled),
    (10, "SQLITE_IOERR", Is::StorageError),
    (11, "SQLITE_CORRUPT", Is::Corrupt),
    (12, "SQLITE_NOTFOUND", Is::InvalidStatement),
    (13, "SQLITE_FULL", Is::LocalDiskFull),
    (14, "SQLITE_CANTOPEN", Is::DatabaseMissing),
    (15, "SQLITE_PROTOCOL", Is::LockNotAvailable),
    (16, "SQLITE_EMPTY", Is::ServerError),
    (17, "SQLITE_SCHEMA", Is::Busy),
    (18, "SQLITE_TOOBIG", Is::InvalidValue),
    (19, "SQLITE_CONSTRAINT", Is::ConstraintViolation),
    (20, "SQLITE_MISMATCH", Is::InvalidValue),
    (21, "SQLITE_MISUSE", Is::InvalidStatement),
    (22, "SQLITE_NOLFS", Is::StorageError),
    (23, "SQLITE_AUTH", Is::InsufficientPrivilege),
    (24, "SQLITE_FORMAT", Is::ServerError),
    (25, "SQLITE_RANGE", Is::InvalidStatement),
    (26, "SQLITE_NOTADB", Is::Corrupt),
    (257, "SQLITE_ERROR_MISSING_COLLSEQ", Is::InvalidStatement),
    (261, "SQLITE_BUSY_RECOVERY", Is::LockNotAvailable),
    (262, "SQLITE_LOCKED_SHAREDCACHE", Is::LockNotAvailable),
    (264, "SQLITE_READONLY_RECOVERY", Is::ReadOnlyFile),
    (266, "SQLITE_IOERR_READ", Is::StorageError),
    (267, "SQLITE_CORRUPT_VTAB", Is::Corrupt),
    (270, "SQLITE_CANTOPEN_NOTEMPDIR", Is::StorageError),
    (275, "SQLITE_CONSTRAINT_CHECK", Is::CheckViolation),
    (279, "SQLITE_AUTH_USER", Is::InsufficientPrivilege),
    (513, "SQLITE_ERROR_RETRY", Is::Busy),
    (516, "SQLITE_ABORT_ROLLBACK", Is::InFailedTransaction),
    (517, "SQLITE_BUSY_SNAPSHOT", Is::SerializationFailure),
    (518, "SQLITE_LOCKED_VTAB", Is::LockNotAvailable),
    (520, "SQLITE_READONLY_CANTLOCK", Is::ReadOnlyFile),
    (522, "SQLITE_IOERR_SHORT_READ", Is::StorageError),
    (523, "SQLITE_CORRUPT_SEQUENCE", Is::Corrupt),
    (526, "SQLITE_CANTOPEN_ISDIR", Is::DatabaseMissing),
    (531, "SQLITE_CONSTRAINT_COMMITHOOK", Is::Raised),
    (769, "SQLITE_ERROR_SNAPSHOT", Is::SerializationFailure),
    (773, "SQLITE_BUSY_TIMEOUT", Is::LockNotAvailable),
    (776, "SQLITE_READONLY_ROLLBACK", Is::ReadOnlyFile),
    (778, "SQLITE_IOERR_WRITE", Is::StorageError),
    (779, "SQLITE_CORRUPT_INDEX", Is::Corrupt),
    (782, "SQLITE_CANTOPEN_FULLPATH", Is::DatabaseMissing),
    (787, "SQLITE_CONSTRAINT_FOREIGNKEY", Is::ForeignKeyViolation),
    (1025, "SQLITE_ERROR_RESERVESIZE", Is::InvalidStatement),
    (1032, "SQLITE_READONLY_DBMOVED", Is::ReadOnlyFile),
    (1034, "SQLITE_IOERR_FSYNC", Is::StorageError),
    (1038, "SQLITE_CANTOPEN_CONVPATH", Is::DatabaseMissing),
    (1043, "SQLITE_CONSTRAINT_FUNCTION", Is::Raised),
    (1281, "SQLITE_ERROR_KEY", Is::Misconfigured),
    (1288, "SQLITE_READONLY_CANTINIT", Is::ReadOnlyFile),
    (1290, "SQLITE_IOERR_DIR_FSYNC", Is::StorageError),
    (1294, "SQLITE_CANTOPEN_DIRTYWAL", Is::DatabaseMissing),
    (1299, "SQLITE_CONSTRAINT_NOTNULL", Is::NotNullViolation),
    (1537, "SQLITE_ERROR_UNABLE", Is::InvalidStatement),
    (1544, "SQLITE_READONLY_DIRECTORY", Is::ReadOnlyFile),
    (1546, "SQLITE_IOERR_TRUNCATE", Is::StorageError),
    (1550, "SQLITE_CANTOPEN_SYMLINK", Is::DatabaseMissing),
    (1555, "SQLITE_CONSTRAINT_PRIMARYKEY", Is::UniqueViolation),
    (1802, "SQLITE_IOERR_FSTAT", Is::StorageError),
    (1811, "SQLITE_CONSTRAINT_TRIGGER", Is::Raised),
    (2058, "SQLITE_IOERR_UNLOCK", Is::StorageError),
    (2067, "SQLITE_CONSTRAINT_UNIQUE", Is::UniqueViolation),
    (2314, "SQLITE_IOERR_RDLOCK", Is::StorageError),
    (2323, "SQLITE_CONSTRAINT_VTAB", Is::ConstraintViolation),
    (2570, "SQLITE_IOERR_DELETE", Is::StorageError),
    (2579, "SQLITE_CONSTRAINT_ROWID", Is::UniqueViolation),
    (2826, "SQLITE_IOERR_BLOCKED", Is::LockNotAvailable),
    (2835, "SQLITE_CONSTRAINT_PINNED", Is::InvalidStatement),
    (3082, "SQLITE_IOERR_NOMEM", Is::LocalOutOfMemory),
    (3091, "SQLITE_CONSTRAINT_DATATYPE", Is::InvalidValue),
    (3338, "SQLITE_IOERR_ACCESS", Is::StorageError),
    (3594, "SQLITE_IOERR_CHECKRESERVEDLOCK", Is::StorageError),
    (3850, "SQLITE_IOERR_LOCK", Is::StorageError),
    (4106, "SQLITE_IOERR_CLOSE", Is::StorageError),
    (4362, "SQLITE_IOERR_DIR_CLOSE", Is::StorageError),
    (4618, "SQLITE_IOERR_SHMOPEN", Is::StorageError),
    (4874, "SQLITE_IOERR_SHMSIZE", Is::StorageError),
    (5130, "SQLITE_IOERR_SHMLOCK", Is::StorageError),
    (5386, "SQLITE_IOERR_SHMMAP", Is::StorageError),
    (5642, "SQLITE_IOERR_SEEK", Is::StorageError),
    (5898, "SQLITE_IOERR_DELETE_NOENT", Is::StorageError),
    (6154, "SQLITE_IOERR_MMAP", Is::StorageError),
    (6410, "SQLITE_IOERR_GETTEMPPATH", Is::StorageError),
    (6666, "SQLITE_IOERR_CONVPATH", Is::StorageError),
    (6922, "SQLITE_IOERR_VNODE", Is::StorageError),
    (7178, "SQLITE_IOERR_AUTH", Is::StorageError),
    (7434, "SQLITE_IOERR_BEGIN_ATOMIC", Is::StorageError),
    (7690, "SQLITE_IOERR_COMMIT_ATOMIC", Is::StorageError),
    (7946, "SQLITE_IOERR_ROLLBACK_ATOMIC", Is::StorageError),
    (8202, "SQLITE_IOERR_DATA", Is::Corrupt),
    (8458, "SQLITE_IOERR_CORRUPTFS", Is::Corrupt),
    (8714, "SQLITE_IOERR_IN_PAGE", Is::StorageError),
    (8970, "SQLITE_IOERR_BADKEY", Is::Misconfigured),
    (9226, "SQLITE_IOERR_CODEC", Is::StorageError),
];
