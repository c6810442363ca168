use std::fmt;

use crate::error::upstream::unusable;
use crate::{Advice, Alert, Classification, Sent, Severity};

/// The kind of a database error, from a set shared by all systems. See [the
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
    /// A unique constraint or primary key was violated.
    UniqueViolation,
    /// An exclusion constraint was violated: the value conflicts with an existing row.
    ExclusionViolation,
    /// A foreign key was violated: the referenced row doesn't exist, or the row is still
    /// referenced.
    ForeignKeyViolation,
    /// A check constraint of the table, or the check option of a view, was violated.
    CheckViolation,
    /// A required value is missing.
    NotNullViolation,
    /// Another constraint was violated, or the database doesn't say which.
    ConstraintViolation,
    /// The value doesn't fit the column or type: too long, out of range, malformed.
    InvalidValue,
    /// A required row doesn't exist.
    NoData,
    /// Transactions were waiting for each other. The database rolled this one back.
    Deadlock,
    /// The transaction conflicted with a concurrent one. The database rolled it back.
    SerializationFailure,
    /// Another transaction holds the lock. The statement had no effect, and it or its transaction
    /// may be repeated.
    LockNotAvailable,
    /// Another transaction holds the lock, and this transaction may have been rolled back,
    /// depending on MySQL's `innodb_rollback_on_timeout`. Only the whole transaction may be
    /// repeated.
    LockTimeout,
    /// An object is in use or has just changed. The statement had no effect and may be repeated
    /// alone.
    Busy,
    /// The statement was cancelled, by the server's statement timeout or by an administrator. The
    /// code is the same for both.
    QueryCanceled,
    /// The transaction took too long or was idle for too long. The database rolled it back.
    TransactionTimeout,
    /// No connection could be established.
    ConnectFailed,
    /// The server doesn't accept connections because it is starting, recovering or shutting down.
    ServerNotReady,
    /// A cluster node is temporarily unavailable. The transaction is lost.
    NodeNotReady,
    /// The server's connection limit is reached.
    TooManyConnections,
    /// No connection of our pool became free in time.
    PoolExhausted,
    /// Our pool is closed.
    PoolClosed,
    /// The connection was lost.
    ConnectionLost,
    /// The server closed the connection, because it is shutting down or an administrator ended it.
    ServerShutdown,
    /// The server had already closed the idle connection. The statement didn't arrive.
    IdleDisconnect,
    /// It isn't known whether the statement or the COMMIT took effect.
    OutcomeUnknown,
    /// The server doesn't accept our user, password or host.
    AuthenticationFailed,
    /// The database doesn't exist.
    DatabaseMissing,
    /// The TLS handshake failed.
    TlsFailed,
    /// The answer breaks the rules of the protocol: the peer isn't this kind of database, or the
    /// stream is damaged.
    ProtocolViolation,
    /// The connection options are invalid.
    Misconfigured,
    /// Our user lacks a privilege.
    InsufficientPrivilege,
    /// The server's disk is full.
    DiskFull,
    /// This process's disk is full. The database is a local file.
    LocalDiskFull,
    /// The server is out of memory or another resource.
    ResourceExhausted,
    /// This process is out of memory. The database runs inside it.
    LocalOutOfMemory,
    /// The statement exceeds a limit of the server.
    LimitExceeded,
    /// The database's data is damaged, or the file isn't a database.
    Corrupt,
    /// Reading or writing the database's files failed.
    StorageError,
    /// The server is read-only: a replica, or a demoted primary.
    ReadOnlyServer,
    /// The database file is read-only.
    ReadOnlyFile,
    /// An earlier statement of the transaction failed, so this one wasn't executed.
    InFailedTransaction,
    /// A user-defined trigger or function raised the error.
    Raised,
    /// The statement is invalid, or doesn't fit the schema or the state of the connection.
    InvalidStatement,
    /// Any other error of the server.
    ServerError,
}

impl SqlKind {
    /// The stable name, as used in logs: `unique_violation`.
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
            Self::ProtocolViolation => "protocol_violation",
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

    /// The classification of errors of this kind.
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
            Self::LockNotAvailable => {
                Classification::transient_with("LOCK_TIMEOUT", Advice::RetryCallOrTransaction)
            }
            Self::LockTimeout => {
                Classification::transient_with("LOCK_WAIT_TIMEOUT", Advice::RetryTransaction)
            }
            Self::Busy => Classification::transient("RESOURCE_BUSY"),
            Self::QueryCanceled | Self::TransactionTimeout => {
                Classification::transient_with("QUERY_TIMEOUT", Advice::DoNotRetry)
            }

            Self::ConnectFailed | Self::ServerNotReady => {
                never_sent("CONNECT_FAILED").with_alert(Alert::AtOnce)
            }
            Self::NodeNotReady => {
                Classification::transient_with("NODE_NOT_READY", Advice::RetryTransaction)
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
                at_once(Classification::transient_with("TLS_FAILED", Advice::DoNotRetry))
                    .with_sent(Sent::Never)
            }
            Self::ProtocolViolation => unusable("UPSTREAM_INVALID_RESPONSE"),
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
            Self::ReadOnlyFile => at_once(Classification::permanent("STORAGE_READ_ONLY")),

            Self::InFailedTransaction
            | Self::LimitExceeded
            | Self::Raised
            | Self::InvalidStatement
            | Self::ServerError => Classification::permanent("INTERNAL_ERROR"),
        }
    }

    /// Whether messages of this kind may quote a value of a row or of the statement. The systems'
    /// tables list exceptions.
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
