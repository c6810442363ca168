use std::fmt;

use crate::{Advice, Alert, Classification, Sent, Severity};

/// What a database's code means: the same set for every system. See [the
/// table](crate::sql#the-conditions).
///
/// ```
/// use resilience::sql::{SqlKind, mysql, postgres, sqlite};
///
/// for condition in [postgres::classify("23505"), mysql::classify(1062), sqlite::classify(2067)] {
///     assert_eq!(condition.unwrap().kind(), SqlKind::UniqueViolation);
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SqlKind {
    /// A value that must be unique is taken.
    UniqueViolation,
    /// A value conflicts with a row that is there: an exclusion constraint.
    ExclusionViolation,
    /// A row refers to one that doesn't exist, or is still referred to.
    ForeignKeyViolation,
    /// A value breaks a rule of the table or the view.
    CheckViolation,
    /// A value that is required is missing.
    NotNullViolation,
    /// Another constraint, or one that isn't named.
    ConstraintViolation,
    /// A value that the column, or the type, can't hold: too long, out of range, malformed.
    InvalidValue,
    /// A row that must be there isn't.
    NoData,
    /// Two transactions wait for each other; the database has rolled this one back.
    Deadlock,
    /// A transaction has lost to its neighbours; the database has rolled it back.
    SerializationFailure,
    /// A lock is held by another. The statement had no effect, and may be repeated as it is.
    LockNotAvailable,
    /// A lock is held by another, and the transaction may have been rolled back or not: MySQL's
    /// `innodb_rollback_on_timeout` decides. Only the whole transaction may be repeated.
    LockTimeout,
    /// Something is in use, or has just changed. The statement had no effect, and may be repeated
    /// as it is.
    Busy,
    /// The statement was stopped: by the server's statement timeout, or by somebody. The two have
    /// the same code.
    QueryCanceled,
    /// The transaction took too long, or was left idle; the database has rolled it back.
    TransactionTimeout,
    /// No connection could be made.
    ConnectFailed,
    /// The server takes no connections: it is starting, recovering or stopping.
    ServerNotReady,
    /// A node of the cluster doesn't serve for now, and the transaction is gone with it.
    NodeNotReady,
    /// The server has as many connections as it takes.
    TooManyConnections,
    /// No connection of our own pool was free in time.
    PoolExhausted,
    /// Our own pool is closed.
    PoolClosed,
    /// The connection broke.
    ConnectionLost,
    /// The server ended the connection: it is stopping, or an administrator has ended it.
    ServerShutdown,
    /// The server had closed the connection because nothing was sent on it; this statement didn't
    /// arrive.
    IdleDisconnect,
    /// Whether the statement, or the COMMIT, took effect isn't known.
    OutcomeUnknown,
    /// The server doesn't accept our user, password or host.
    AuthenticationFailed,
    /// The database that the connection names doesn't exist.
    DatabaseMissing,
    /// No encrypted connection could be agreed on.
    TlsFailed,
    /// The connection can't be configured as asked.
    Misconfigured,
    /// Our user may not do this.
    InsufficientPrivilege,
    /// The server's disk is full.
    DiskFull,
    /// The disk of this process is full: the database is a file of ours.
    LocalDiskFull,
    /// The server has no memory, or no other resource, left for this.
    ResourceExhausted,
    /// This process has no memory left: the database is a library of ours.
    LocalOutOfMemory,
    /// The statement is larger than the server's limits.
    LimitExceeded,
    /// The database's data is damaged, or isn't a database.
    Corrupt,
    /// Reading or writing the database's files failed.
    StorageError,
    /// The server takes no writes: a replica, or one that was demoted.
    ReadOnlyServer,
    /// The database's file can't be written.
    ReadOnlyFile,
    /// An earlier statement of the transaction failed, and this one wasn't run.
    InFailedTransaction,
    /// A trigger or a function of the user's own raised this.
    Raised,
    /// The statement is wrong, or doesn't fit the schema or the state of the connection.
    InvalidStatement,
    /// Anything else that the server reports.
    ServerError,
}

impl SqlKind {
    /// The stable name, as it stands in logs: `unique_violation`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UniqueViolation => "unique_violation",
            Self::ExclusionViolation => "exclusion_violation",
            Self::ForeignKeyViolation => "foreign_key_violation",
            Self::CheckViolation => "check_violation",
            Self::NotNullViolation => "not_null_violation",
            Self::ConstraintViolation => "constraint_violation",
            Self::InvalidValue => "invalid_value",
            Self::NoData => "no_data",
            Self::Deadlock => "deadlock",
            Self::SerializationFailure => "serialization_failure",
            Self::LockNotAvailable => "lock_not_available",
            Self::LockTimeout => "lock_timeout",
            Self::Busy => "busy",
            Self::QueryCanceled => "query_canceled",
            Self::TransactionTimeout => "transaction_timeout",
            Self::ConnectFailed => "connect_failed",
            Self::ServerNotReady => "server_not_ready",
            Self::NodeNotReady => "node_not_ready",
            Self::TooManyConnections => "too_many_connections",
            Self::PoolExhausted => "pool_exhausted",
            Self::PoolClosed => "pool_closed",
            Self::ConnectionLost => "connection_lost",
            Self::ServerShutdown => "server_shutdown",
            Self::IdleDisconnect => "idle_disconnect",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::AuthenticationFailed => "authentication_failed",
            Self::DatabaseMissing => "database_missing",
            Self::TlsFailed => "tls_failed",
            Self::Misconfigured => "misconfigured",
            Self::InsufficientPrivilege => "insufficient_privilege",
            Self::DiskFull => "disk_full",
            Self::LocalDiskFull => "local_disk_full",
            Self::ResourceExhausted => "resource_exhausted",
            Self::LocalOutOfMemory => "local_out_of_memory",
            Self::LimitExceeded => "limit_exceeded",
            Self::Corrupt => "corrupt",
            Self::StorageError => "storage_error",
            Self::ReadOnlyServer => "read_only_server",
            Self::ReadOnlyFile => "read_only_file",
            Self::InFailedTransaction => "in_failed_transaction",
            Self::Raised => "raised",
            Self::InvalidStatement => "invalid_statement",
            Self::ServerError => "server_error",
        }
    }

    /// What the layers and the boundaries make of it.
    ///
    /// ```
    /// use resilience::sql::SqlKind;
    ///
    /// let full = SqlKind::PoolExhausted.classification();
    /// assert_eq!((full.code(), full.status(), full.is_retryable()), ("POOL_EXHAUSTED", 503, true));
    /// ```
    pub const fn classification(self) -> Classification {
        match self {
            Self::UniqueViolation | Self::ExclusionViolation => {
                Classification::permanent("CONFLICT")
            }
            Self::ForeignKeyViolation
            | Self::CheckViolation
            | Self::NotNullViolation
            | Self::ConstraintViolation
            | Self::InvalidValue => Classification::permanent("VALIDATION_ERROR"),
            Self::NoData => Classification::permanent("NOT_FOUND"),

            Self::Deadlock => {
                Classification::transient_with("DEADLOCK", Advice::RetryTransactionOnce)
            }
            Self::SerializationFailure => {
                Classification::transient_with("SERIALIZATION_FAILURE", Advice::RetryTransaction)
            }
            Self::LockNotAvailable => Classification::transient("LOCK_TIMEOUT"),
            Self::LockTimeout => {
                Classification::transient_with("LOCK_TIMEOUT", Advice::RetryTransaction)
            }
            Self::Busy => Classification::transient("RESOURCE_BUSY"),
            Self::QueryCanceled | Self::TransactionTimeout => {
                Classification::transient_with("QUERY_TIMEOUT", Advice::DoNotRetry)
            }

            Self::ConnectFailed | Self::ServerNotReady => {
                never_sent("CONNECT_FAILED").with_alert(Alert::AtOnce)
            }
            Self::NodeNotReady => {
                Classification::transient_with("SERVICE_UNAVAILABLE", Advice::RetryTransaction)
            }
            Self::TooManyConnections => never_sent("TOO_MANY_CONNECTIONS"),
            Self::PoolExhausted => never_sent("POOL_EXHAUSTED"),
            Self::PoolClosed => Classification::transient_with("POOL_CLOSED", Advice::DoNotRetry)
                .with_sent(Sent::Never),
            Self::IdleDisconnect => never_sent("CONNECTION_LOST"),
            Self::ConnectionLost | Self::ServerShutdown => {
                Classification::transient("CONNECTION_LOST")
            }
            Self::OutcomeUnknown => Classification::transient("OUTCOME_UNKNOWN"),

            Self::AuthenticationFailed => {
                Classification::fatal("DATABASE_AUTH_FAILED").with_sent(Sent::Never)
            }
            Self::DatabaseMissing => {
                Classification::fatal("DATABASE_MISSING").with_sent(Sent::Never)
            }
            Self::Misconfigured => Classification::fatal("MISSING_CONFIG").with_sent(Sent::Never),
            Self::TlsFailed => {
                at_once(Classification::permanent("TLS_FAILED")).with_sent(Sent::Never)
            }
            Self::InsufficientPrivilege => Classification::permanent("INSUFFICIENT_PRIVILEGE"),

            Self::DiskFull => {
                at_once(Classification::transient_with("DATABASE_FULL", Advice::DoNotRetry))
            }
            Self::LocalDiskFull => Classification::fatal("STORAGE_FULL"),
            Self::LocalOutOfMemory => Classification::fatal("OUT_OF_MEMORY"),
            Self::Corrupt => Classification::fatal("CORRUPT_STATE"),
            Self::ResourceExhausted => Classification::transient("DATABASE_OVERLOADED"),
            Self::StorageError => at_once(Classification::permanent("STORAGE_ERROR")),
            Self::ReadOnlyServer => {
                Classification::transient("READ_ONLY").with_severity(Severity::Unexpected)
            }
            Self::ReadOnlyFile => at_once(Classification::permanent("READ_ONLY")),

            Self::InFailedTransaction
            | Self::LimitExceeded
            | Self::Raised
            | Self::InvalidStatement
            | Self::ServerError => Classification::permanent("INTERNAL_ERROR"),
        }
    }

    /// Whether the server's own text of such an error may quote a value of a row or of the
    /// statement. Where a system differs, its table says so.
    pub(super) const fn quotes_values(self) -> bool {
        matches!(
            self,
            Self::ConstraintViolation
                | Self::InvalidValue
                | Self::LimitExceeded
                | Self::Raised
                | Self::ServerError
        )
    }
}

impl fmt::Display for SqlKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

const fn never_sent(code: &'static str) -> Classification {
    Classification::transient(code).with_sent(Sent::Never)
}

const fn at_once(classification: Classification) -> Classification {
    classification.with_severity(Severity::Critical).with_alert(Alert::AtOnce)
}
