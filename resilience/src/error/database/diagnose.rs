use std::error::Error as StdError;
use std::fmt;

use ::sqlx::{Database, Error, Pool};
use tokio::runtime::Handle;

use super::SqlKind;
use super::probe::{Outcome, probe};
use super::sqlx::details;
use crate::{Classification, Classify, Sent, ServiceError, taxonomy::Evidence};

/// Finds out why a pool provided no connection. `PoolTimedOut` alone doesn't show whether the
/// server is down or full.
///
/// When a connection is refused, or on PostgreSQL when the server has no free slot, SQLx's pool
/// keeps trying until the acquire timeout. Then it returns `PoolTimedOut`, the same error as when
/// all connections are in use. This function makes one connection attempt with the pool's options
/// to distinguish the cases:
///
/// | the attempt | classification |
/// |---|---|
/// | is refused | never sent, alerts at once, `CONNECT_FAILED`, 503 |
/// | finds the server full | never sent, `TOO_MANY_CONNECTIONS`, 503 |
/// | fails otherwise: wrong password, missing database | that of the failure, never sent |
/// | isn't answered within a second, and the pool has free capacity | never sent, alerts at once, `CONNECT_FAILED`, 503 |
/// | isn't answered within a second, and the pool has no free capacity | never sent, `POOL_EXHAUSTED`, 503 |
/// | succeeds | never sent, `POOL_EXHAUSTED`, 503 |
///
/// All other errors are returned unchanged, without an attempt. So you can pass every error:
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
/// None on success. After a `PoolTimedOut`, up to one second and one connection, which is closed
/// again. Concurrent calls for one pool share an attempt, and its result is reused for a second, so
/// an overloaded server sees at most one attempt per second, pool and process. The attempt is made
/// even if the pool looks full, because it also looks full while its connections are being refused.
///
/// # Cancellation
///
/// Dropping the future cancels the attempt. Other callers waiting for it start a new one.
///
/// Outside a tokio runtime no attempt is made. Nothing is logged.
#[cfg_attr(
    docsrs,
    doc(cfg(any(feature = "sqlx-postgres", feature = "sqlx-mysql", feature = "sqlx-sqlite")))
)]
pub async fn diagnose<DB: Database>(pool: &Pool<DB>, error: Error) -> Diagnosis {
    let state = PoolState {
        size: pool.size(),
        // Clamped, because the two aren't read at the same time.
        idle: u32::try_from(pool.num_idle()).unwrap_or(u32::MAX).min(pool.size()),
        max: pool.options().get_max_connections(),
    };
    let outcome = match error {
        Error::PoolTimedOut if !pool.is_closed() && Handle::try_current().is_ok() => {
            Some(probe::<DB::Connection>(pool.connect_options()).await)
        }
        _ => None,
    };
    Diagnosis { error, state, outcome }
}

/// An SQLx error, and the reason if a pool provided no connection. Returned by [`diagnose`].
///
/// It classifies itself. Its source is the failure of the connection attempt, if there was one,
/// else the original error. Without an attempt, its `Display` is that of the original error.
#[derive(Debug)]
#[cfg_attr(
    docsrs,
    doc(cfg(any(feature = "sqlx-postgres", feature = "sqlx-mysql", feature = "sqlx-sqlite")))
)]
pub struct Diagnosis {
    error: Error,
    state: PoolState,
    outcome: Option<Outcome>,
}

#[derive(Debug, Clone, Copy)]
struct PoolState {
    size: u32,
    idle: u32,
    max: u32,
}

impl Diagnosis {
    /// The kind of error, if it is known.
    ///
    /// If the pool provided no connection, `PoolExhausted`, `ConnectFailed`, `TooManyConnections`
    /// or the kind of the attempt's failure.
    pub fn kind(&self) -> Option<SqlKind> {
        match &self.outcome {
            Some(Outcome::Failed(found)) => condition(found),
            Some(Outcome::TimedOut) if self.has_room() => Some(SqlKind::ConnectFailed),
            _ => condition(&self.error),
        }
    }

    /// The original error.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// Returns the original error, for example to `match` on it.
    pub fn into_error(self) -> Error {
        self.error
    }

    /// The error of the connection attempt, if one was made and failed.
    pub fn found(&self) -> Option<&Error> {
        match &self.outcome {
            Some(Outcome::Failed(found)) => Some(found),
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
        let Some(outcome) = &self.outcome else { return fmt::Display::fmt(&self.error, f) };
        let PoolState { size, idle, max } = self.state;
        write!(
            f,
            "no database connection in time: {outcome}; the pool has {size} of {max}, {idle} idle"
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
        match &self.outcome {
            // The caller's statement never had a connection.
            Some(Outcome::Failed(found)) => found.classify().with_sent(Sent::Never),
            Some(Outcome::TimedOut) if self.has_room() => SqlKind::ConnectFailed.classification(),
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
