use std::borrow::Cow;

use sqlx::postgres::PgPoolOptions;
use sqlx::{Error, Pool, Postgres, Transaction};

use super::{Backend, Dialect, Input, Kind, Output, Value, queries};

impl Backend for Postgres {}

impl Dialect for Postgres {
    const NOW: &'static str = "clock_timestamp()";
    const QUOTE: char = '"';
    const SKIP_LOCKED: &'static str = " FOR UPDATE SKIP LOCKED";
    const ONE_WRITER: bool = false;
    const RETURNING: bool = true;
    const MIGRATIONS: &'static [&'static [&'static str]] = &[&[
        "CREATE TABLE {table} (
            id UUID NOT NULL PRIMARY KEY,
            queue_name TEXT COLLATE \"C\" NOT NULL,
            original_message BYTEA NOT NULL,
            content_type TEXT NOT NULL,
            reason TEXT NOT NULL,
            category TEXT,
            code TEXT NOT NULL,
            error TEXT NOT NULL,
            error_type TEXT NOT NULL,
            causes TEXT,
            attempts BIGINT NOT NULL,
            first_failure TIMESTAMPTZ NOT NULL,
            last_failure TIMESTAMPTZ NOT NULL,
            request_id TEXT,
            trace_parent TEXT,
            metadata JSONB NOT NULL DEFAULT '{}',
            created_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
            replayed_at TIMESTAMPTZ,
            discarded_at TIMESTAMPTZ,
            dedupe_key TEXT,
            open_key TEXT COLLATE \"C\",
            replays BIGINT NOT NULL DEFAULT 0,
            next_redrive TIMESTAMPTZ,
            lease_token UUID,
            lease_owner TEXT,
            lease_until TIMESTAMPTZ,
            closed_by TEXT,
            closed_why TEXT
        )",
        "CREATE INDEX ix_{name}_queue ON {table} (queue_name, created_at, id)",
        "CREATE INDEX ix_{name}_not_replayed ON {table} (queue_name, created_at, id)
            WHERE replayed_at IS NULL AND discarded_at IS NULL",
        "CREATE INDEX ix_{name}_open ON {table} (created_at, id)
            WHERE replayed_at IS NULL AND discarded_at IS NULL",
        "CREATE UNIQUE INDEX ux_{name}_open_key ON {table} (queue_name, open_key)
            WHERE open_key IS NOT NULL",
        "CREATE TABLE {trail} (
            id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            letter_id UUID NOT NULL,
            at TIMESTAMPTZ NOT NULL,
            action TEXT NOT NULL,
            actor TEXT,
            note TEXT
        )",
        "CREATE INDEX ix_{name}_trail ON {trail} (letter_id, id)",
    ]];

    fn placeholder(number: usize, input: Input) -> Cow<'static, str> {
        Cow::Owned(match input {
            Input::Plain => format!("${number}"),
            Input::Id => format!("CAST(${number} AS uuid)"),
            Input::Json => format!("CAST(${number} AS jsonb)"),
            Input::Time => {
                format!("(TIMESTAMPTZ 'epoch' + ${number} * INTERVAL '1 microsecond')")
            }
        })
    }

    fn output(column: &str, output: Output) -> String {
        match output {
            Output::Plain | Output::Key => column.to_owned(),
            Output::Id | Output::Json => format!("CAST({column} AS text)"),
            Output::Time => format!("CAST(EXTRACT(EPOCH FROM {column}) * 1000000 AS bigint)"),
        }
    }

    fn now_plus(micros: i64) -> String {
        format!("({} + {micros} * INTERVAL '1 microsecond')", Self::NOW)
    }

    async fn connect(url: &str, max_connections: u32) -> Result<Pool<Self>, Error> {
        PgPoolOptions::new().max_connections(max_connections).connect(url).await
    }

    async fn begin(pool: &Pool<Self>) -> Result<Transaction<'static, Self>, Error> {
        pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await
    }

    async fn lock(connection: &mut Self::Connection, table: &str) -> Result<(), Error> {
        sqlx::query(
            "SELECT pg_advisory_xact_lock(hashtext('resilience-dead-letters'), hashtext($1))",
        )
        .bind(table)
        .execute(connection)
        .await?;
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
