use std::error::Error as StdError;
use std::fmt;

use ::sqlx::{Database, Error, Pool};
use tokio::runtime::Handle;

use super::SqlKind;
use super::probe::{self, Answer};
use super::sqlx::details;
use crate::{Classification, Classify, Sent, ServiceError, taxonomy::Evidence};

/// Says why a pool gave no connection: `PoolTimedOut` alone hides a server that is down, and one
/// that is full.
///
/// SQLx's pool repeats a refused connection, and on PostgreSQL one for which the server has no
/// slot, until the acquire timeout is over, and then says what it says when all its connections
/// were in use. This makes one attempt of its own to connect, with the pool's options, and tells
/// the cases apart:
///
/// | the attempt | is then classified as |
/// |---|---|
/// | is refused | never sent, alerts at once, `CONNECT_FAILED`, 503 |
/// | finds the server full | never sent, `TOO_MANY_CONNECTIONS`, 503 |
/// | fails otherwise: a wrong password, a missing database | what that is |
/// | isn't answered within a second, and the pool has room | never sent, alerts at once, `CONNECT_FAILED`, 503 |
/// | isn't answered within a second, and the pool has none | never sent, `POOL_EXHAUSTED`, 503 |
/// | succeeds | never sent, `POOL_EXHAUSTED`, 503 |
///
/// Any other error comes back as it was, at once. So a handler asks about every error:
///
/// ```
/// use resilience::{ServiceError, sql};
///
/// #[derive(Debug, thiserror::Error, ServiceError)]
/// enum UserError {
///     #[error(transparent)]
///     #[service(transparent)]
///     Database(#[from] sql::Diagnosis),
/// }
///
/// # #[cfg(feature = "sqlx-sqlite")]
/// async fn count(pool: &sqlx::SqlitePool) -> Result<i64, UserError> {
///     match sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(pool).await {
///         Ok(count) => Ok(count),
///         Err(error) => Err(sql::diagnose(pool, error).await.into()),
///     }
/// }
/// ```
///
/// # Cost
///
/// Nothing on success. After a `PoolTimedOut` up to one second, and one connection, which is closed
/// again. All who ask about one pool within a second share one attempt, so a server in trouble sees
/// at most one a second per pool and process. The pool looks full while its connections are being
/// refused, so the attempt is made then too.
///
/// # Cancellation
///
/// Dropping the future ends the attempt, unless somebody else waits for it too: they make it anew.
///
/// Outside a tokio runtime no attempt is made. Nothing is logged.
#[cfg_attr(
    docsrs,
    doc(cfg(any(feature = "sqlx-postgres", feature = "sqlx-mysql", feature = "sqlx-sqlite")))
)]
pub async fn diagnose<DB: Database>(pool: &Pool<DB>, error: Error) -> Diagnosis {
    let state = PoolState {
        size: pool.size(),
        // The two are read one after the other.
        idle: u32::try_from(pool.num_idle()).unwrap_or(u32::MAX).min(pool.size()),
        max: pool.options().get_max_connections(),
    };
    let answer = match error {
        Error::PoolTimedOut if !pool.is_closed() && Handle::try_current().is_ok() => {
            Some(probe::ask::<DB::Connection>(pool.connect_options()).await)
        }
        _ => None,
    };
    Diagnosis { error, state, answer }
}

/// An error of SQLx, and for a pool that gave no connection the reason; made by [`diagnose`].
///
/// It classifies itself, and has what was found among its sources. Where there was nothing to find
/// out, it says what the error says.
#[derive(Debug)]
#[cfg_attr(
    docsrs,
    doc(cfg(any(feature = "sqlx-postgres", feature = "sqlx-mysql", feature = "sqlx-sqlite")))
)]
pub struct Diagnosis {
    error: Error,
    state: PoolState,
    answer: Option<Answer>,
}

#[derive(Debug, Clone, Copy)]
struct PoolState {
    size: u32,
    idle: u32,
    max: u32,
}

impl Diagnosis {
    /// What it is: of a pool that gave no connection `PoolExhausted`, `ConnectFailed`,
    /// `TooManyConnections` or what else kept the server from taking one; of another error its
    /// own kind, if it is known.
    pub fn kind(&self) -> Option<SqlKind> {
        match &self.answer {
            Some(Answer::Failed(found)) => condition(found),
            Some(Answer::Nothing) if self.has_room() => Some(SqlKind::ConnectFailed),
            _ => condition(&self.error),
        }
    }

    /// The error that was asked about.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The error that was asked about, for a `match` over it.
    pub fn into_error(self) -> Error {
        self.error
    }

    /// What the attempt to connect came to, if one was made and failed.
    pub fn found(&self) -> Option<&Error> {
        match &self.answer {
            Some(Answer::Failed(found)) => Some(found),
            _ => None,
        }
    }

    fn has_room(&self) -> bool {
        self.state.size < self.state.max || self.state.idle > 0
    }
}

fn condition(error: &Error) -> Option<SqlKind> {
    Some(details(error)?.condition()?.kind())
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(answer) = &self.answer else { return fmt::Display::fmt(&self.error, f) };
        let PoolState { size, idle, max } = self.state;
        write!(
            f,
            "no database connection in time: {answer}; the pool has {size} of {max}, {idle} idle"
        )
    }
}

impl StdError for Diagnosis {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.found().unwrap_or(&self.error))
    }
}

impl Classify for Diagnosis {
    fn classify(&self) -> Classification {
        match &self.answer {
            // Whatever became of the attempt, the caller's statement never had a connection.
            Some(Answer::Failed(found)) => found.classify().with_sent(Sent::Never),
            Some(Answer::Nothing) if self.has_room() => SqlKind::ConnectFailed.classification(),
            _ => self.error.classify(),
        }
    }

    fn public_message(&self) -> std::borrow::Cow<'_, str> {
        self.found().unwrap_or(&self.error).public_message()
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

impl ServiceError for Diagnosis {}
