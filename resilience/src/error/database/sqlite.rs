//! SQLite's result codes, primary and extended.
//!
//! `SQLITE_OK`, `ROW`, `DONE`, `NOTICE` and `WARNING` aren't failures and aren't included.

use super::{SqlCondition, SqlKind as Kind};

/// Returns the meaning of a result code, or `None` if it isn't a failure.
///
/// Pass the extended code if the driver provides it. The primary code is less specific:
/// `SQLITE_CONSTRAINT` (19) doesn't say which constraint was violated. An extended code that isn't
/// in the table is classified by its primary code.
///
/// SQLite runs inside this process, so a full disk or a lack of memory affects the process itself
/// and is fatal.
///
/// Doesn't allocate.
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
        assert!(ROWS[row - 1].0 < ROWS[row].0, "the codes must be sorted and unique");
        row += 1;
    }
};

/// Codes whose message may quote a value, although other messages of their kind don't. A syntax
/// error quotes the statement.
const QUOTING: &[i32] = &[1];
/// Codes whose message never quotes a value, although other messages of their kind may.
const NOT_QUOTING: &[i32] = &[18, 20, 3091];

/// Code, SQLite's name and meaning, sorted by code. The only place to correct a meaning.
const ROWS: &[(i32, &str, Kind)] = &[
    (1, "SQLITE_ERROR", Kind::InvalidStatement),
    (2, "SQLITE_INTERNAL", Kind::ServerError),
    (3, "SQLITE_PERM", Kind::StorageError),
    (4, "SQLITE_ABORT", Kind::InvalidStatement),
    (5, "SQLITE_BUSY", Kind::LockNotAvailable),
    (6, "SQLITE_LOCKED", Kind::LockNotAvailable),
    (7, "SQLITE_NOMEM", Kind::LocalOutOfMemory),
    (8, "SQLITE_READONLY", Kind::ReadOnlyFile),
    (9, "SQLITE_INTERRUPT", Kind::QueryCanceled),
    (10, "SQLITE_IOERR", Kind::StorageError),
    (11, "SQLITE_CORRUPT", Kind::Corrupt),
    (12, "SQLITE_NOTFOUND", Kind::InvalidStatement),
    (13, "SQLITE_FULL", Kind::LocalDiskFull),
    (14, "SQLITE_CANTOPEN", Kind::DatabaseMissing),
    (15, "SQLITE_PROTOCOL", Kind::LockNotAvailable),
    (16, "SQLITE_EMPTY", Kind::ServerError),
    (17, "SQLITE_SCHEMA", Kind::Busy),
    (18, "SQLITE_TOOBIG", Kind::InvalidValue),
    (19, "SQLITE_CONSTRAINT", Kind::ConstraintViolation),
    (20, "SQLITE_MISMATCH", Kind::InvalidValue),
    (21, "SQLITE_MISUSE", Kind::InvalidStatement),
    (22, "SQLITE_NOLFS", Kind::StorageError),
    (23, "SQLITE_AUTH", Kind::InsufficientPrivilege),
    (24, "SQLITE_FORMAT", Kind::ServerError),
    (25, "SQLITE_RANGE", Kind::InvalidStatement),
    (26, "SQLITE_NOTADB", Kind::Corrupt),
    (257, "SQLITE_ERROR_MISSING_COLLSEQ", Kind::InvalidStatement),
    (261, "SQLITE_BUSY_RECOVERY", Kind::LockNotAvailable),
    (262, "SQLITE_LOCKED_SHAREDCACHE", Kind::LockNotAvailable),
    (264, "SQLITE_READONLY_RECOVERY", Kind::ReadOnlyFile),
    (266, "SQLITE_IOERR_READ", Kind::StorageError),
    (267, "SQLITE_CORRUPT_VTAB", Kind::Corrupt),
    (270, "SQLITE_CANTOPEN_NOTEMPDIR", Kind::StorageError),
    (275, "SQLITE_CONSTRAINT_CHECK", Kind::CheckViolation),
    (279, "SQLITE_AUTH_USER", Kind::InsufficientPrivilege),
    (513, "SQLITE_ERROR_RETRY", Kind::Busy),
    (516, "SQLITE_ABORT_ROLLBACK", Kind::InFailedTransaction),
    (517, "SQLITE_BUSY_SNAPSHOT", Kind::SerializationFailure),
    (518, "SQLITE_LOCKED_VTAB", Kind::LockNotAvailable),
    (520, "SQLITE_READONLY_CANTLOCK", Kind::ReadOnlyFile),
    (522, "SQLITE_IOERR_SHORT_READ", Kind::StorageError),
    (523, "SQLITE_CORRUPT_SEQUENCE", Kind::Corrupt),
    (526, "SQLITE_CANTOPEN_ISDIR", Kind::DatabaseMissing),
    (531, "SQLITE_CONSTRAINT_COMMITHOOK", Kind::Raised),
    (769, "SQLITE_ERROR_SNAPSHOT", Kind::SerializationFailure),
    (773, "SQLITE_BUSY_TIMEOUT", Kind::LockNotAvailable),
    (776, "SQLITE_READONLY_ROLLBACK", Kind::ReadOnlyFile),
    (778, "SQLITE_IOERR_WRITE", Kind::StorageError),
    (779, "SQLITE_CORRUPT_INDEX", Kind::Corrupt),
    (782, "SQLITE_CANTOPEN_FULLPATH", Kind::DatabaseMissing),
    (787, "SQLITE_CONSTRAINT_FOREIGNKEY", Kind::ForeignKeyViolation),
    (1025, "SQLITE_ERROR_RESERVESIZE", Kind::InvalidStatement),
    (1032, "SQLITE_READONLY_DBMOVED", Kind::ReadOnlyFile),
    (1034, "SQLITE_IOERR_FSYNC", Kind::StorageError),
    (1038, "SQLITE_CANTOPEN_CONVPATH", Kind::DatabaseMissing),
    (1043, "SQLITE_CONSTRAINT_FUNCTION", Kind::Raised),
    (1281, "SQLITE_ERROR_KEY", Kind::Misconfigured),
    (1288, "SQLITE_READONLY_CANTINIT", Kind::ReadOnlyFile),
    (1290, "SQLITE_IOERR_DIR_FSYNC", Kind::StorageError),
    (1294, "SQLITE_CANTOPEN_DIRTYWAL", Kind::DatabaseMissing),
    (1299, "SQLITE_CONSTRAINT_NOTNULL", Kind::NotNullViolation),
    (1537, "SQLITE_ERROR_UNABLE", Kind::InvalidStatement),
    (1544, "SQLITE_READONLY_DIRECTORY", Kind::ReadOnlyFile),
    (1546, "SQLITE_IOERR_TRUNCATE", Kind::StorageError),
    (1550, "SQLITE_CANTOPEN_SYMLINK", Kind::DatabaseMissing),
    (1555, "SQLITE_CONSTRAINT_PRIMARYKEY", Kind::UniqueViolation),
    (1802, "SQLITE_IOERR_FSTAT", Kind::StorageError),
    (1811, "SQLITE_CONSTRAINT_TRIGGER", Kind::Raised),
    (2058, "SQLITE_IOERR_UNLOCK", Kind::StorageError),
    (2067, "SQLITE_CONSTRAINT_UNIQUE", Kind::UniqueViolation),
    (2314, "SQLITE_IOERR_RDLOCK", Kind::StorageError),
    (2323, "SQLITE_CONSTRAINT_VTAB", Kind::ConstraintViolation),
    (2570, "SQLITE_IOERR_DELETE", Kind::StorageError),
    (2579, "SQLITE_CONSTRAINT_ROWID", Kind::UniqueViolation),
    (2826, "SQLITE_IOERR_BLOCKED", Kind::LockNotAvailable),
    (2835, "SQLITE_CONSTRAINT_PINNED", Kind::InvalidStatement),
    (3082, "SQLITE_IOERR_NOMEM", Kind::LocalOutOfMemory),
    (3091, "SQLITE_CONSTRAINT_DATATYPE", Kind::InvalidValue),
    (3338, "SQLITE_IOERR_ACCESS", Kind::StorageError),
    (3594, "SQLITE_IOERR_CHECKRESERVEDLOCK", Kind::StorageError),
    (3850, "SQLITE_IOERR_LOCK", Kind::StorageError),
    (4106, "SQLITE_IOERR_CLOSE", Kind::StorageError),
    (4362, "SQLITE_IOERR_DIR_CLOSE", Kind::StorageError),
    (4618, "SQLITE_IOERR_SHMOPEN", Kind::StorageError),
    (4874, "SQLITE_IOERR_SHMSIZE", Kind::StorageError),
    (5130, "SQLITE_IOERR_SHMLOCK", Kind::StorageError),
    (5386, "SQLITE_IOERR_SHMMAP", Kind::StorageError),
    (5642, "SQLITE_IOERR_SEEK", Kind::StorageError),
    (5898, "SQLITE_IOERR_DELETE_NOENT", Kind::StorageError),
    (6154, "SQLITE_IOERR_MMAP", Kind::StorageError),
    (6410, "SQLITE_IOERR_GETTEMPPATH", Kind::StorageError),
    (6666, "SQLITE_IOERR_CONVPATH", Kind::StorageError),
    (6922, "SQLITE_IOERR_VNODE", Kind::StorageError),
    (7178, "SQLITE_IOERR_AUTH", Kind::StorageError),
    (7434, "SQLITE_IOERR_BEGIN_ATOMIC", Kind::StorageError),
    (7690, "SQLITE_IOERR_COMMIT_ATOMIC", Kind::StorageError),
    (7946, "SQLITE_IOERR_ROLLBACK_ATOMIC", Kind::StorageError),
    (8202, "SQLITE_IOERR_DATA", Kind::Corrupt),
    (8458, "SQLITE_IOERR_CORRUPTFS", Kind::Corrupt),
    (8714, "SQLITE_IOERR_IN_PAGE", Kind::StorageError),
    (8970, "SQLITE_IOERR_BADKEY", Kind::Misconfigured),
    (9226, "SQLITE_IOERR_CODEC", Kind::StorageError),
];
