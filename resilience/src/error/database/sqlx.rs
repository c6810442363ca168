//! Classifies SQLx's errors.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::io;

use ::sqlx::Error;
use ::sqlx::error::{DatabaseError, ErrorKind};

#[cfg(any(feature = "sqlx-postgres", feature = "sqlx-mysql", feature = "sqlx-sqlite"))]
use super::details::Code;
use super::{Details, RolledBack, SqlCondition, SqlKind};
use crate::error::{chain, downcast::downcast};
use crate::{
    Alert, Classification, Classify, FieldError, Rejected, Sent, http::generic_message,
    taxonomy::Evidence,
};

/// Errors reported by the database are classified by their code, see [the
/// table](crate::sql#the-conditions). The driver's own errors:
///
/// | error | classification |
/// |---|---|
/// | `RowNotFound` | permanent, `NOT_FOUND`, 404: the row was required by `fetch_one` |
/// | `PoolTimedOut` | transient, never sent, `POOL_EXHAUSTED`, 503 |
/// | `PoolClosed` | transient, never sent, not retried, `POOL_CLOSED`, 503: we are shutting down |
/// | `Io` | as [`io::Error`]; if the connection can't be established, or the socket file doesn't exist, alerts at once |
/// | `Tls` | as the inner `io::Error` if that is retryable, else transient but not retried, critical, `TLS_FAILED`, 503; never sent |
/// | `Protocol`, or `Io` with malformed data: the peer isn't such a database, or the stream is damaged | transient but not retried, `UPSTREAM_INVALID_RESPONSE`, 502, unexpected |
/// | `Configuration` | fatal, `MISSING_CONFIG` |
/// | `WorkerCrashed` | transient, `CONNECTION_LOST`, 503 |
/// | `Migrate` | as the inner error of the database, else permanent, critical, `MIGRATION_FAILED`, 500 |
/// | caused by our code or the schema: `Encode`, `Decode`, `ColumnNotFound`, `TypeNotFound`, a `Protocol` error of a statement that the driver refuses … | permanent, `INTERNAL_ERROR`, 500 |
/// | an unknown code | unclassified |
///
/// Clients see the generic text of the status. `PoolTimedOut` can also mean that the server refuses
/// connections or has no free slots; [`diagnose`](crate::sql::diagnose) finds out.
///
/// ```
/// use resilience::{Classify, Sent};
///
/// let full = sqlx::Error::PoolTimedOut.classify();
/// assert_eq!((full.code(), full.status(), full.sent()), ("POOL_EXHAUSTED", 503, Sent::Never));
/// assert_eq!(sqlx::Error::RowNotFound.classify().status(), 404);
/// ```
#[cfg_attr(
    docsrs,
    doc(cfg(any(feature = "sqlx-postgres", feature = "sqlx-mysql", feature = "sqlx-sqlite")))
)]
impl Classify for Error {
    fn classify(&self) -> Classification {
        match self {
            Self::Io(error) => by_io(error),
            Self::Tls(error) => by_tls(&**error),
            Self::Migrate(error) => match in_migration(&**error) {
                Some(inner) => inner.classify(),
                None => Classification::permanent("MIGRATION_FAILED")
                    .with_severity(crate::Severity::Critical)
                    .with_alert(Alert::AtOnce),
            },
            _ => condition_of(self)
                .map_or(Classification::unclassified(), |condition| condition.classification()),
        }
    }

    fn public_message(&self) -> Cow<'_, str> {
        match self {
            Self::Io(error) if error.classify().rejected().is_some() => error.public_message(),
            _ => Cow::Borrowed(generic_message(self.classify().status())),
        }
    }

    fn field_errors(&self) -> Cow<'_, [FieldError]> {
        Cow::Borrowed(&[])
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

/// Keeps the rejection as the inner error, so that the SQLx error is classified by it.
///
/// ```
/// use resilience::{Classify, Rejected};
///
/// let rejected = Rejected::circuit_open("database", None);
/// assert_eq!(sqlx::Error::from(rejected).classify(), rejected.classify());
/// ```
#[cfg_attr(
    docsrs,
    doc(cfg(any(feature = "sqlx-postgres", feature = "sqlx-mysql", feature = "sqlx-sqlite")))
)]
impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Self {
        Self::Io(rejected.into())
    }
}

pub(crate) fn condition(error: &(dyn StdError + 'static)) -> Option<SqlCondition> {
    match downcast(error) {
        Some(error) => condition_of(error),
        None => database_error(error).and_then(Reported::condition),
    }
}

pub(crate) fn details<'e>(error: &'e (dyn StdError + 'static)) -> Option<Details<'e>> {
    match downcast(error) {
        Some(error) => Some(details_of(error)),
        None => database_error(error).map(Reported::details),
    }
}

/// The error of a driver, either boxed as in the `Database` variant or by its own type.
fn database_error<'e>(error: &'e (dyn StdError + 'static)) -> Option<Reported<'e>> {
    match error.downcast_ref::<Box<dyn DatabaseError>>() {
        Some(error) => Some(Reported::of(&**error)),
        None => Reported::by_driver(error),
    }
}

fn details_of(error: &Error) -> Details<'_> {
    match error {
        Error::Database(error) => Reported::of(&**error).details(),
        Error::Migrate(error) if let Some(inner) = in_migration(&**error) => details_of(inner),
        // Errors of a connection, or of a layer that rejected the call, quote no values.
        Error::Io(_) | Error::Tls(_) => {
            Details { condition: condition_of(error), message_has_values: false, ..NOTHING_KNOWN }
        }
        _ => {
            let condition = condition_of(error);
            Details { condition, message_has_values: has_values(condition), ..NOTHING_KNOWN }
        }
    }
}

fn condition_of(error: &Error) -> Option<SqlCondition> {
    let plain = |kind, name| Some(SqlCondition::new(kind, name));
    // Decoding errors may quote a value of a row, encoding errors one of the caller's.
    let quoting = |name| Some(SqlCondition::new(SqlKind::InvalidStatement, name).quoting(true));
    match error {
        Error::Database(error) => Reported::of(&**error).condition(),
        Error::RowNotFound => plain(SqlKind::NoData, "RowNotFound"),
        Error::PoolTimedOut => plain(SqlKind::PoolExhausted, "PoolTimedOut"),
        Error::PoolClosed => plain(SqlKind::PoolClosed, "PoolClosed"),
        Error::WorkerCrashed => plain(SqlKind::ConnectionLost, "WorkerCrashed"),
        Error::Configuration(_) => plain(SqlKind::Misconfigured, "Configuration"),
        Error::Io(error) => io_condition(error),
        Error::Tls(error) => match retryable_io(&**error) {
            Some(io) => io_condition(io),
            None => plain(SqlKind::TlsFailed, "Tls"),
        },
        Error::Migrate(error) => in_migration(&**error).and_then(condition_of),
        Error::TypeNotFound { .. } => plain(SqlKind::InvalidStatement, "TypeNotFound"),
        Error::ColumnIndexOutOfBounds { .. } => {
            plain(SqlKind::InvalidStatement, "ColumnIndexOutOfBounds")
        }
        Error::ColumnNotFound(_) => plain(SqlKind::InvalidStatement, "ColumnNotFound"),
        Error::InvalidSavePointStatement => {
            plain(SqlKind::InvalidStatement, "InvalidSavePointStatement")
        }
        Error::BeginFailed => plain(SqlKind::InvalidStatement, "BeginFailed"),
        Error::InvalidArgument(_) => quoting("InvalidArgument"),
        Error::Protocol(text) if is_refused_statement(text) => quoting("Protocol"),
        Error::Protocol(_) => {
            Some(SqlCondition::new(SqlKind::ProtocolViolation, "Protocol").quoting(true))
        }
        Error::ColumnDecode { .. } => quoting("ColumnDecode"),
        Error::Encode(_) => quoting("Encode"),
        Error::Decode(_) => quoting("Decode"),
        Error::AnyDriverError(_) => quoting("AnyDriverError"),
        _ => None,
    }
}

fn by_io(error: &io::Error) -> Classification {
    let class = error.classify();
    match io_condition(error) {
        // Keeps the codes that say more than that the connection is lost, such as
        // `TOO_MANY_OPEN_FILES` and `NETWORK_TIMEOUT`.
        Some(condition) if class.category().is_none() || class.code() == "IO_ERROR" => {
            condition.classification()
        }
        Some(condition) if condition.kind() == SqlKind::ConnectFailed => {
            class.with_alert(Alert::AtOnce)
        }
        _ => class,
    }
}

fn io_condition(error: &io::Error) -> Option<SqlCondition> {
    let class = error.classify();
    if class.rejected().is_some() {
        return None;
    }
    let kind = match (error.kind(), class.code()) {
        // The socket file doesn't exist: the server on this machine isn't running.
        (io::ErrorKind::NotFound, _) | (_, "CONNECT_FAILED") => SqlKind::ConnectFailed,
        (_, "CONNECTION_LOST" | "NETWORK_TIMEOUT") => SqlKind::ConnectionLost,
        // Reads of the stream, such as TLS records. Local files have their own errors.
        (io::ErrorKind::InvalidData, "IO_ERROR") => SqlKind::ProtocolViolation,
        // The stream failed without a known kind, such as TLS within an open connection.
        _ if class.category().is_none() => SqlKind::ConnectionLost,
        _ => return None,
    };
    Some(SqlCondition::new(kind, "Io"))
}

/// Whether SQLx refuses the statement or its arguments before anything is sent, and calls that a
/// `Protocol` error too. SQLite has no peer, so all of its own are here.
fn is_refused_statement(text: &str) -> bool {
    const BEGINNINGS: [&str; 18] = [
        // PostgreSQL
        "PgConnection::run(): too many arguments",
        "param_types.len() too large",
        "too many parameter format codes",
        "too many result format codes",
        "message size out of range for protocol",
        "SASL Initial Response length too long",
        "number of bytes read exceeds",
        "Postgres protocol: error allocating",
        "cannot EXPLAIN",
        "unable to resolve type OIDs",
        // MySQL
        "prepared statement expected",
        "auth_response.len() too long",
        "mysql_cleartext_plugin disabled",
        // SQLite
        "query contains nul bytes",
        "query string ",
        "parameters with non-integer names",
        "unsupported SQL parameter format",
        "invalid collation name",
    ];
    BEGINNINGS.iter().any(|beginning| text.starts_with(beginning))
}

/// A handshake also fails if the connection is lost. In any case no statement was sent.
fn by_tls(error: &(dyn StdError + Send + Sync + 'static)) -> Classification {
    match retryable_io(error) {
        Some(io) => by_io(io).with_sent(Sent::Never),
        None => SqlKind::TlsFailed.classification(),
    }
}

/// The `io::Error` among the sources, if it may be retried.
fn retryable_io<'e>(error: &'e (dyn StdError + Send + Sync + 'static)) -> Option<&'e io::Error> {
    chain::find::<io::Error>(Some(error)).filter(|io| io.classify().is_retryable())
}

/// The error that made a migration fail. Skips other migration errors, so that no circle of them
/// is followed for ever.
fn in_migration(error: &dyn StdError) -> Option<&Error> {
    chain::links(error.source())
        .filter_map(downcast)
        .find(|inner| !matches!(inner, Error::Migrate(_)))
}

/// An error reported by the database, by driver.
#[derive(Clone, Copy)]
enum Reported<'e> {
    #[cfg(feature = "sqlx-postgres")]
    Postgres(&'e ::sqlx::postgres::PgDatabaseError),
    #[cfg(feature = "sqlx-mysql")]
    MySql(&'e ::sqlx::mysql::MySqlDatabaseError),
    #[cfg(feature = "sqlx-sqlite")]
    Sqlite(&'e ::sqlx::sqlite::SqliteError),
    /// A transaction that had already ended when it was to be committed.
    RolledBack,
    /// Another driver, or one whose feature is disabled.
    Foreign(&'e dyn DatabaseError),
}

impl<'e> Reported<'e> {
    fn of(error: &'e dyn DatabaseError) -> Self {
        Self::by_driver(error.as_error()).unwrap_or(Self::Foreign(error))
    }

    fn by_driver(error: &'e (dyn StdError + 'static)) -> Option<Self> {
        #[cfg(feature = "sqlx-postgres")]
        if let Some(error) = error.downcast_ref() {
            return Some(Self::Postgres(error));
        }
        #[cfg(feature = "sqlx-mysql")]
        if let Some(error) = error.downcast_ref() {
            return Some(Self::MySql(error));
        }
        #[cfg(feature = "sqlx-sqlite")]
        if let Some(error) = error.downcast_ref() {
            return Some(Self::Sqlite(error));
        }
        error.is::<RolledBack>().then_some(Self::RolledBack)
    }

    fn condition(self) -> Option<SqlCondition> {
        match self {
            #[cfg(feature = "sqlx-postgres")]
            Self::Postgres(error) => super::postgres::classify(error.code()),
            #[cfg(feature = "sqlx-mysql")]
            Self::MySql(error) => super::mysql::classify_either(error.number(), error.code()),
            #[cfg(feature = "sqlx-sqlite")]
            Self::Sqlite(error) => {
                super::message::sqlite_code(error).and_then(super::sqlite::classify)
            }
            Self::RolledBack => Some(SqlCondition::new(SqlKind::InFailedTransaction, "RolledBack")),
            Self::Foreign(error) => {
                let kind = match error.kind() {
                    ErrorKind::UniqueViolation => SqlKind::UniqueViolation,
                    ErrorKind::ForeignKeyViolation => SqlKind::ForeignKeyViolation,
                    ErrorKind::NotNullViolation => SqlKind::NotNullViolation,
                    ErrorKind::CheckViolation => SqlKind::CheckViolation,
                    ErrorKind::ExclusionViolation => SqlKind::ExclusionViolation,
                    _ => return None,
                };
                Some(SqlCondition::new(kind, kind.name()).quoting(true))
            }
        }
    }

    fn details(self) -> Details<'e> {
        let condition = self.condition();
        let known =
            Details { condition, message_has_values: has_values(condition), ..NOTHING_KNOWN };
        match self {
            #[cfg(feature = "sqlx-postgres")]
            Self::Postgres(error) => Details {
                system: Some("postgresql"),
                code: Some(Code::Text(error.code())),
                constraint: error.constraint(),
                table: error.table(),
                column: error.column(),
                message_has_values: known.message_has_values || is_raised(error),
                ..known
            },
            #[cfg(feature = "sqlx-mysql")]
            Self::MySql(error) => {
                let number = error.number();
                let is_mariadb = super::mysql::is_mariadb_only(number, error.code());
                Details {
                    system: Some(if is_mariadb { "mariadb" } else { "mysql" }),
                    code: Some(Code::Number(number.into())),
                    constraint: super::message::mysql_constraint(number, error.message()),
                    ..known
                }
            }
            #[cfg(feature = "sqlx-sqlite")]
            Self::Sqlite(error) => {
                let code = super::message::sqlite_code(error);
                let message = DatabaseError::message(error);
                Details {
                    system: Some("sqlite"),
                    code: code.map(Code::Number),
                    constraint: code
                        .and_then(|code| super::message::sqlite_constraint(code, message)),
                    message_has_values: known.message_has_values
                        && !(code == Some(1)
                            && super::message::sqlite_only_names_missing_object(message)),
                    ..known
                }
            }
            Self::RolledBack => known,
            Self::Foreign(error) => {
                Details { constraint: error.constraint(), table: error.table(), ..known }
            }
        }
    }
}

/// Whether a user-defined function wrote the message, so that it may contain anything although the
/// code is the server's: `RAISE EXCEPTION '% is taken', … USING ERRCODE = 'unique_violation'`.
#[cfg(feature = "sqlx-postgres")]
fn is_raised(error: &::sqlx::postgres::PgDatabaseError) -> bool {
    const LANGUAGES: [&str; 4] = ["pl_exec.c", "plpy_", "plperl.c", "pltcl.c"];
    error.file().is_some_and(|file| LANGUAGES.iter().any(|language| file.starts_with(language)))
}

const NOTHING_KNOWN: Details<'static> = Details {
    system: None,
    code: None,
    condition: None,
    constraint: None,
    table: None,
    column: None,
    message_has_values: true,
};

fn has_values(condition: Option<SqlCondition>) -> bool {
    condition.is_none_or(|condition| condition.message_has_values())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Category, Severity};

    fn io(kind: io::ErrorKind) -> Error {
        Error::Io(kind.into())
    }

    #[test]
    fn sqlx_driver_errors_are_classified() {
        use Category::{Fatal, Permanent, Transient};
        use Sent::{Maybe, Never};
        let text = || String::from("?");
        let table = [
            (Error::RowNotFound, Permanent, "NOT_FOUND", 404, Maybe),
            (Error::PoolTimedOut, Transient, "POOL_EXHAUSTED", 503, Never),
            (Error::PoolClosed, Transient, "POOL_CLOSED", 503, Never),
            (Error::WorkerCrashed, Transient, "CONNECTION_LOST", 503, Maybe),
            (Error::Configuration("?".into()), Fatal, "MISSING_CONFIG", 500, Never),
            (Error::Tls("certificate expired".into()), Transient, "TLS_FAILED", 503, Never),
            (Error::Protocol(text()), Transient, "UPSTREAM_INVALID_RESPONSE", 502, Maybe),
            (
                Error::Protocol("query contains nul bytes".into()),
                Permanent,
                "INTERNAL_ERROR",
                500,
                Maybe,
            ),
            (io(io::ErrorKind::InvalidData), Transient, "UPSTREAM_INVALID_RESPONSE", 502, Maybe),
            (Error::InvalidArgument(text()), Permanent, "INTERNAL_ERROR", 500, Maybe),
            (Error::TypeNotFound { type_name: text() }, Permanent, "INTERNAL_ERROR", 500, Maybe),
            (
                Error::ColumnIndexOutOfBounds { index: 1, len: 1 },
                Permanent,
                "INTERNAL_ERROR",
                500,
                Maybe,
            ),
            (Error::ColumnNotFound(text()), Permanent, "INTERNAL_ERROR", 500, Maybe),
            (
                Error::ColumnDecode { index: text(), source: "?".into() },
                Permanent,
                "INTERNAL_ERROR",
                500,
                Maybe,
            ),
            (Error::Encode("?".into()), Permanent, "INTERNAL_ERROR", 500, Maybe),
            (Error::Decode("?".into()), Permanent, "INTERNAL_ERROR", 500, Maybe),
            (Error::AnyDriverError("?".into()), Permanent, "INTERNAL_ERROR", 500, Maybe),
            (Error::InvalidSavePointStatement, Permanent, "INTERNAL_ERROR", 500, Maybe),
            (Error::BeginFailed, Permanent, "INTERNAL_ERROR", 500, Maybe),
            (io(io::ErrorKind::ConnectionRefused), Transient, "CONNECT_FAILED", 503, Never),
            (io(io::ErrorKind::NotFound), Transient, "CONNECT_FAILED", 503, Never),
            (io(io::ErrorKind::HostUnreachable), Transient, "CONNECT_FAILED", 503, Maybe),
            (io(io::ErrorKind::ConnectionReset), Transient, "CONNECTION_LOST", 503, Maybe),
            (io(io::ErrorKind::UnexpectedEof), Transient, "CONNECTION_LOST", 503, Maybe),
            (io(io::ErrorKind::TimedOut), Transient, "NETWORK_TIMEOUT", 504, Maybe),
            (Error::Io(io::Error::other("?")), Transient, "CONNECTION_LOST", 503, Maybe),
            (io(io::ErrorKind::StorageFull), Fatal, "STORAGE_FULL", 500, Maybe),
            (io(io::ErrorKind::PermissionDenied), Permanent, "IO_ERROR", 500, Maybe),
        ];
        for (error, category, code, status, sent) in table {
            let class = error.classify();
            assert_eq!(
                (class.category(), class.code(), class.status()),
                (Some(category), code, status),
                "{error:?}"
            );
            assert_eq!(class.sent(), sent, "{error:?}");
            assert_eq!(error.public_message(), generic_message(status), "{error:?}");
            assert!(error.evidence().chain().next().is_some_and(<dyn StdError>::is::<Error>));
        }
        assert!(Error::PoolTimedOut.classify().is_retryable());
        assert!(!Error::PoolClosed.classify().is_retryable());
        assert!(!Error::Protocol(text()).classify().is_retryable());
        assert!(!Error::Tls("certificate expired".into()).classify().is_retryable());
    }

    #[test]
    fn unreachable_database_server_alerts_at_once() {
        for kind in [
            io::ErrorKind::ConnectionRefused,
            io::ErrorKind::NotFound,
            io::ErrorKind::HostUnreachable,
        ] {
            assert_eq!(io(kind).classify().alert(), Alert::AtOnce, "{kind:?}");
            assert_eq!(condition(&io(kind)).unwrap().kind(), SqlKind::ConnectFailed);
        }
        assert_eq!(io(io::ErrorKind::ConnectionReset).classify().alert(), Alert::WhenRepeated);
    }

    #[test]
    fn lost_tls_handshake_is_retryable_but_bad_certificate_is_not() {
        let broken =
            Error::Tls(Box::new(io::Error::from(io::ErrorKind::ConnectionReset))).classify();
        assert_eq!(
            (broken.code(), broken.sent(), broken.is_retryable()),
            ("CONNECTION_LOST", Sent::Never, true)
        );
        let bad =
            Error::Tls(Box::new(io::Error::new(io::ErrorKind::InvalidData, "unknown issuer")))
                .classify();
        assert_eq!(
            (bad.code(), bad.severity(), bad.alert()),
            ("TLS_FAILED", Severity::Critical, Alert::AtOnce)
        );
    }

    #[test]
    fn rejection_survives_conversion_to_sqlx_error() {
        for rejected in
            [Rejected::circuit_open("db", None), Rejected::timed_out("db", Duration::from_secs(1))]
        {
            let error = Error::from(rejected);
            assert_eq!(error.classify(), rejected.classify());
            assert_eq!(error.classify().rejected(), Some(rejected));
            assert_eq!(condition(&error), None);
            assert!(!details(&error).unwrap().message_has_values());
        }
    }

    #[test]
    fn sqlx_error_inside_an_io_error_is_classified() {
        let outer = io::Error::other(Error::PoolTimedOut);
        assert_eq!(outer.classify().code(), "POOL_EXHAUSTED");
    }

    #[test]
    fn decode_error_may_quote_values_but_pool_timeout_does_not() {
        let decode =
            Error::ColumnDecode { index: "role".into(), source: "invalid value \"root\"".into() };
        assert!(details(&decode).unwrap().message_has_values());
        assert!(!details(&Error::PoolTimedOut).unwrap().message_has_values());
        assert!(details(&io::Error::other("?")).is_none());
    }

    /// An error of a driver that isn't part of SQLx.
    #[derive(Debug)]
    struct Foreign(fn() -> ErrorKind);

    impl std::fmt::Display for Foreign {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("foreign")
        }
    }

    impl StdError for Foreign {}

    impl DatabaseError for Foreign {
        fn message(&self) -> &'static str {
            "foreign"
        }

        fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            (self.0)()
        }
    }

    #[test]
    fn foreign_driver_errors_are_classified_by_their_kind() {
        let unique = Error::from(Foreign(|| ErrorKind::UniqueViolation));
        assert_eq!(unique.classify().status(), 409);
        assert!(details(&unique).unwrap().message_has_values());
        let other = Error::from(Foreign(|| ErrorKind::Other));
        assert_eq!(other.classify(), Classification::unclassified());
    }
}
