use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Error, Pool, Sqlite, Transaction};

use super::{Backend, Dialect, Input, Kind, Output, Value, queries};

impl Backend for Sqlite {}

impl Dialect for Sqlite {
    const NOW: &'static str = "CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000";
    const QUOTE: char = '"';
    // A transaction that begins with `IMMEDIATE` is the only one that writes.
    const SKIP_LOCKED: &'static str = "";
    const ONE_WRITER: bool = true;
    const RETURNING: bool = true;
    // Times are microseconds since 1970.
    const MIGRATIONS: &'static [&'static [&'static str]] = &[&[
        "CREATE TABLE {table} (
            id TEXT NOT NULL PRIMARY KEY,
            queue_name TEXT NOT NULL,
            content_type TEXT NOT NULL,
            reason TEXT NOT NULL,
            category TEXT,
            code TEXT NOT NULL,
            error TEXT NOT NULL,
            error_type TEXT NOT NULL,
            causes TEXT,
            attempts INTEGER NOT NULL,
            first_failure INTEGER NOT NULL,
            last_failure INTEGER NOT NULL,
            request_id TEXT,
            trace_parent TEXT,
            metadata TEXT NOT NULL DEFAULT '{}',
            created_at INTEGER NOT NULL,
            replayed_at INTEGER,
            discarded_at INTEGER,
            dedupe_key TEXT,
            open_key TEXT,
            replays INTEGER NOT NULL DEFAULT 0,
            next_redrive INTEGER,
            lease_token TEXT,
            lease_owner TEXT,
            lease_until INTEGER,
            closed_by TEXT,
            closed_why TEXT,
            original_message BLOB NOT NULL
        )",
        "CREATE INDEX ix_{name}_queue ON {table} (queue_name, created_at, id)",
        "CREATE INDEX ix_{name}_not_replayed ON {table} (queue_name, created_at, id)
            WHERE replayed_at IS NULL AND discarded_at IS NULL",
        "CREATE INDEX ix_{name}_open ON {table} (created_at, id)
            WHERE replayed_at IS NULL AND discarded_at IS NULL",
        "CREATE UNIQUE INDEX ux_{name}_open_key ON {table} (queue_name, open_key)
            WHERE open_key IS NOT NULL",
        "CREATE TABLE {trail} (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            letter_id TEXT NOT NULL,
            at INTEGER NOT NULL,
            action TEXT NOT NULL,
            actor TEXT,
            note TEXT
        )",
        "CREATE INDEX ix_{name}_trail ON {trail} (letter_id, id)",
    ]];

    fn placeholder(_: usize, _: Input) -> Cow<'static, str> {
        Cow::Borrowed("?")
    }

    fn output(column: &str, _: Output) -> String {
        column.to_owned()
    }

    fn now_plus(micros: i64) -> String {
        format!("({} + {micros})", Self::NOW)
    }

    async fn connect(url: &str, max_connections: u32) -> Result<Pool<Self>, Error> {
        let options = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10));
        SqlitePoolOptions::new().max_connections(max_connections).connect_with(options).await
    }

    async fn begin(pool: &Pool<Self>) -> Result<Transaction<'static, Self>, Error> {
        pool.begin_with("BEGIN IMMEDIATE").await
    }

    // The transaction is the lock.
    async fn lock(_: &mut Self::Connection, _: &str) -> Result<(), Error> {
        Ok(())
    }

    async fn unlock(_: &mut Self::Connection, _: &str) -> Result<(), Error> {
        Ok(())
    }

    async fn max_payload(_: &mut Self::Connection) -> Result<Option<u64>, Error> {
        Ok(None)
    }

    queries!();
}
