//! The error, the databases, and calls that are dropped.

use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::Poll;

use resilience::sql::{RolledBack, SqlKind};
use resilience::{Advice, Category, Classification, Classify, Rejected};
use resilience_test_support::databases::Scratch;
use sqlx::Executor as _;
use sqlx::mysql::{MySqlPool, MySqlPoolOptions};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteJournalMode, SqlitePool, SqlitePoolOptions};

#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("refused")]
    Refused,
    #[error("busy")]
    Busy,
    #[error("lost")]
    Lost(Advice),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

impl Classify for CallError {
    fn classify(&self) -> Classification {
        match self {
            Self::Refused => Classification::permanent("REFUSED").with_status(422),
            Self::Busy => Classification::transient("BUSY"),
            Self::Lost(advice) => Classification::transient_with("LOST", *advice),
            Self::Database(error) => error.classify(),
            Self::Rejected(rejected) => rejected.classify(),
        }
    }
}

impl CallError {
    /// The database's code.
    pub(crate) fn code(&self) -> String {
        let Self::Database(sqlx::Error::Database(error)) = self else { return self.to_string() };
        error.code().unwrap_or_default().into_owned()
    }

    pub(crate) fn is_rolled_back(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else { return false };
        let details = resilience::sql::details(error.as_error()).expect("an error of a database");
        let kind = details.condition().map(|condition| condition.kind());
        assert_eq!(kind, Some(SqlKind::InFailedTransaction));
        assert_eq!(
            (self.classify().category(), self.classify().status()),
            (Some(Category::Permanent), 500)
        );
        error.try_downcast_ref::<RolledBack>().is_some()
    }
}

/// The number of times a body has run.
#[derive(Default)]
pub(crate) struct Runs(AtomicU32);

impl Runs {
    /// Counts a run, and returns its number, from 1.
    pub(crate) fn next(&self) -> u32 {
        self.0.fetch_add(1, SeqCst) + 1
    }

    pub(crate) fn count(&self) -> u32 {
        self.0.load(SeqCst)
    }
}

/// Polls a future so many times, and drops it if it isn't ready by then.
pub(crate) async fn dropped_after<T>(polls: u32, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut polled = 0;
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => {
            polled += 1;
            if polled < polls { Poll::Pending } else { Poll::Ready(None) }
        }
    })
    .await
}

pub(crate) const TABLE: &str =
    "CREATE TABLE entries (id INTEGER PRIMARY KEY, note INTEGER NOT NULL DEFAULT 0)";

/// A pool on a new database with one table.
pub(crate) struct Opened<P> {
    pool: P,
    _scratch: Option<Scratch>,
}

impl<P> Deref for Opened<P> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.pool
    }
}

pub(crate) async fn sqlite(connections: u32) -> Option<Opened<SqlitePool>> {
    let scratch = Scratch::new();
    let options = scratch.options().journal_mode(SqliteJournalMode::Wal);
    let pool =
        SqlitePoolOptions::new().max_connections(connections).connect_with(options).await.unwrap();
    pool.execute(TABLE).await.unwrap();
    Some(Opened { pool, _scratch: Some(scratch) })
}

macro_rules! open {
    ($database:ident, $pool:ty, $options:ty) => {
        #[track_caller]
        pub(crate) fn $database(connections: u32) -> impl Future<Output = Option<Opened<$pool>>> {
            let database = resilience_test_support::databases::$database();
            async move {
                let options = database.await?.options;
                let pool = <$options>::new().max_connections(connections);
                let pool = pool.connect_with(options).await.unwrap();
                pool.execute(TABLE).await.unwrap();
                Some(Opened { pool, _scratch: None })
            }
        }
    };
}

open!(postgres, PgPool, PgPoolOptions);
open!(mysql, MySqlPool, MySqlPoolOptions);
