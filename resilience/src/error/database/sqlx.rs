//! What SQLx's errors are.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::io;

use ::sqlx::Error;
use ::sqlx::error::{DatabaseError, ErrorKind};

#[cfg(any(feature = "sqlx-postgres", feature = "sqlx-mysql", feature = "sqlx-sqlite"))]
use super::details::Code;
use super::{Details, RolledBack, SqlCondition, SqlKind};
use crate::error::downcast::downcast;
use crate::{
    Alert, Classification, Classify, FieldError, Rejected, Sent, http::generic_message,
    taxonomy::Evidence,
};

/// By the database's code ([the table](crate::sql#the-conditions)), and of the driver's own errors:
///
/// | error | classification |
/// |---|---|
/// | `RowNotFound` | permanent, `NOT_FOUND`, 404: who calls `fetch_one` expects the row to be there |
/// | `PoolTimedOut` | transient, never sent, `POOL_EXHAUSTED`, 503 |
/// | `PoolClosed` | transient, never sent, not retried, `POOL_CLOSED`, 503: we are stopping |
/// | `Io` | as [`io::Error`]; a connection that can't be made, also to a socket file that isn't there, alerts at once |
/// | `Tls` | as the `io::Error` inside, if that may be retried; else permanent, critical, `TLS_FAILED`, 500. Never sent |
/// | `Configuration` | fatal, `MISSING_CONFIG` |
/// | `WorkerCrashed` | transient, `CONNECTION_LOST`, 503 |
/// | `Migrate` | as the error inside that the database reported; else permanent, critical, `MIGRATION_FAILED`, 500 |
/// | what our own code or the schema causes: `Encode`, `Decode`, `ColumnNotFound`, `TypeNotFound`, `Protocol` … | permanent, `INTERNAL_ERROR`, 500 |
/// | a code that isn't known | unclassified |
///
/// Clients see the generic text of the status. `PoolTimedOut` also hides that the server refuses
/// connections, or has no slots left.
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
            Self::Migrate(error) => match source::<Self>(&**error) {
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

/// Keeps the rejection, which the classification of the error finds again.
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
        None => below(error).and_then(Reported::condition),
    }
}

pub(crate) fn details<'e>(error: &'e (dyn StdError + 'static)) -> Option<Details<'e>> {
    match downcast(error) {
        Some(error) => Some(details_of(error)),
        None => below(error).map(Reported::details),
    }
}

/// The source of a `Database` variant is a box; a caller may also hold the driver's error itself.
fn below<'e>(error: &'e (dyn StdError + 'static)) -> Option<Reported<'e>> {
    match error.downcast_ref::<Box<dyn DatabaseError>>() {
        Some(error) => Some(Reported::of(&**error)),
        None => Reported::by_driver(error),
    }
}

fn details_of(error: &Error) -> Details<'_> {
    match error {
        Error::Database(error) => Reported::of(&**error).details(),
        Error::Migrate(error) if let Some(inner) = source(&**error) => details_of(inner),
        // A connection has no values to quote, nor has a layer that rejected the call.
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
    let own = |kind, name| Some(SqlCondition::new(kind, name));
    // What can't be decoded is a value of a row, and what can't be encoded is one of the caller's.
    let quoting = |name| Some(SqlCondition::new(SqlKind::InvalidStatement, name).quoting(true));
    match error {
        Error::Database(error) => Reported::of(&**error).condition(),
        Error::RowNotFound => own(SqlKind::NoData, "RowNotFound"),
        Error::PoolTimedOut => own(SqlKind::PoolExhausted, "PoolTimedOut"),
        Error::PoolClosed => own(SqlKind::PoolClosed, "PoolClosed"),
        Error::WorkerCrashed => own(SqlKind::ConnectionLost, "WorkerCrashed"),
        Error::Configuration(_) => own(SqlKind::Misconfigured, "Configuration"),
        Error::Io(error) => io_condition(error),
        Error::Tls(error) => match passing_io(&**error) {
            Some(io) => io_condition(io),
            None => own(SqlKind::TlsFailed, "Tls"),
        },
        Error::Migrate(error) => source(&**error).and_then(condition_of),
        Error::TypeNotFound { .. } => own(SqlKind::InvalidStatement, "TypeNotFound"),
        Error::ColumnIndexOutOfBounds { .. } => {
            own(SqlKind::InvalidStatement, "ColumnIndexOutOfBounds")
        }
        Error::ColumnNotFound(_) => own(SqlKind::InvalidStatement, "ColumnNotFound"),
        Error::InvalidSavePointStatement => {
            own(SqlKind::InvalidStatement, "InvalidSavePointStatement")
        }
        Error::BeginFailed => own(SqlKind::InvalidStatement, "BeginFailed"),
        Error::InvalidArgument(_) => quoting("InvalidArgument"),
        Error::Protocol(_) => quoting("Protocol"),
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
        // What the system calls it says more than that the connection is lost:
        // `TOO_MANY_OPEN_FILES`, `NETWORK_TIMEOUT`.
        Some(condition)
            if class.category().is_none() || error.kind() == io::ErrorKind::NotFound =>
        {
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
        // The socket's file; that is how a server on the same machine is not there.
        (io::ErrorKind::NotFound, _) | (_, "CONNECT_FAILED") => SqlKind::ConnectFailed,
        (_, "CONNECTION_LOST" | "NETWORK_TIMEOUT") => SqlKind::ConnectionLost,
        // A stream that fails for a reason without a name, such as TLS within an open connection.
        _ if class.category().is_none() => SqlKind::ConnectionLost,
        _ => return None,
    };
    Some(SqlCondition::new(kind, "Io"))
}

/// A handshake can fail because the connection breaks. Whatever it was, no statement had been sent.
fn by_tls(error: &(dyn StdError + Send + Sync + 'static)) -> Classification {
    match passing_io(error) {
        Some(io) => by_io(io).with_sent(Sent::Never),
        None => SqlKind::TlsFailed.classification(),
    }
}

fn passing_io<'e>(error: &'e (dyn StdError + Send + Sync + 'static)) -> Option<&'e io::Error> {
    source_of::<io::Error>(Some(error)).filter(|io| io.classify().is_retryable())
}

/// The first of a type among the sources.
fn source<T: StdError + 'static>(error: &dyn StdError) -> Option<&T> {
    source_of(error.source())
}

fn source_of<'e, T: StdError + 'static>(
    first: Option<&'e (dyn StdError + 'static)>,
) -> Option<&'e T> {
    std::iter::successors(first, |&error| error.source()).find_map(downcast)
}

/// An error that the database reported, by the driver that brought it.
#[derive(Clone, Copy)]
enum Reported<'e> {
    #[cfg(feature = "sqlx-postgres")]
    Postgres(&'e ::sqlx::postgres::PgDatabaseError),
    #[cfg(feature = "sqlx-mysql")]
    MySql(&'e ::sqlx::mysql::MySqlDatabaseError),
    #[cfg(feature = "sqlx-sqlite")]
    Sqlite(&'e ::sqlx::sqlite::SqliteError),
    /// A transaction that couldn't be committed any more.
    RolledBack,
    /// A driver that isn't one of SQLx's, or whose feature is off.
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
                let mariadb = super::mysql::is_mariadbs(number, error.code());
                Details {
                    system: Some(if mariadb { "mariadb" } else { "mysql" }),
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
                            && super::message::sqlite_names_what_is_missing(message)),
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

/// Whether a function of the application wrote the text: `RAISE EXCEPTION '% is taken', … USING
/// ERRCODE = 'unique_violation'`. The code alone is then the server's.
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
    fn each_error_of_the_driver_has_its_classification() {
        use Category::{Fatal, Permanent, Transient};
        use Sent::{Maybe, Never};
        let text = || String::from("?");
        let table = [
            (Error::RowNotFound, Permanent, "NOT_FOUND", 404, Maybe),
            (Error::PoolTimedOut, Transient, "POOL_EXHAUSTED", 503, Never),
            (Error::PoolClosed, Transient, "POOL_CLOSED", 503, Never),
            (Error::WorkerCrashed, Transient, "CONNECTION_LOST", 503, Maybe),
            (Error::Configuration("?".into()), Fatal, "MISSING_CONFIG", 500, Never),
            (Error::Tls("certificate expired".into()), Permanent, "TLS_FAILED", 500, Never),
            (Error::Protocol(text()), Permanent, "INTERNAL_ERROR", 500, Maybe),
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
    }

    #[test]
    fn a_server_that_cannot_be_reached_alerts_at_once() {
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
    fn a_handshake_that_breaks_off_may_be_retried_and_a_bad_certificate_may_not() {
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
    fn a_rejection_survives() {
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
    fn a_chain_of_causes_finds_it() {
        let outer = io::Error::other(Error::PoolTimedOut);
        assert_eq!(outer.classify().code(), "POOL_EXHAUSTED");
    }

    #[test]
    fn a_value_that_does_not_decode_is_kept_out_of_logs() {
        let decode =
            Error::ColumnDecode { index: "role".into(), source: "invalid value \"root\"".into() };
        assert!(details(&decode).unwrap().message_has_values());
        assert!(!details(&Error::PoolTimedOut).unwrap().message_has_values());
        assert!(details(&io::Error::other("?")).is_none());
    }

    /// A driver that isn't one of SQLx's own.
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
    fn a_foreign_driver_is_classified_by_its_kind() {
        let unique = Error::from(Foreign(|| ErrorKind::UniqueViolation));
        assert_eq!(unique.classify().status(), 409);
        assert!(details(&unique).unwrap().message_has_values());
        let other = Error::from(Foreign(|| ErrorKind::Other));
        assert_eq!(other.classify(), Classification::unclassified());
    }
}
