use std::borrow::Cow;

use sqlx::mysql::MySqlPoolOptions;
use sqlx::{Error, MySql, Pool, Row, Transaction};

use super::{Backend, Dialect, Input, Kind, Output, Value, queries};

impl Backend for MySql {}

impl Dialect for MySql {
    const NOW: &'static str = "UTC_TIMESTAMP(6)";
    const QUOTE: char = '`';
    const SKIP_LOCKED: &'static str = " FOR UPDATE SKIP LOCKED";
    const ONE_WRITER: bool = false;
    const RETURNING: bool = false;
    // Times are in UTC. What is compared is binary, because no collation that both MySQL and
    // MariaDB know tells `orders` from `orders `. There are no partial indexes, so the columns of
    // their conditions come first.
    const MIGRATIONS: &'static [&'static [&'static str]] = &[&[
        "CREATE TABLE IF NOT EXISTS {table} (
            id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
            queue_name VARBINARY(1024) NOT NULL,
            original_message LONGBLOB NOT NULL,
            content_type TEXT NOT NULL,
            reason VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
            category VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin,
            code VARBINARY(1024) NOT NULL,
            error LONGTEXT NOT NULL,
            error_type VARBINARY(4096) NOT NULL,
            causes LONGTEXT,
            attempts BIGINT NOT NULL,
            first_failure DATETIME(6) NOT NULL,
            last_failure DATETIME(6) NOT NULL,
            request_id TEXT,
            trace_parent TEXT,
            metadata JSON NOT NULL,
            created_at DATETIME(6) NOT NULL,
            replayed_at DATETIME(6),
            discarded_at DATETIME(6),
            dedupe_key VARBINARY(1024),
            open_key VARBINARY(1024),
            replays BIGINT NOT NULL DEFAULT 0,
            next_redrive DATETIME(6),
            lease_token CHAR(36) CHARACTER SET ascii COLLATE ascii_bin,
            lease_owner TEXT,
            lease_until DATETIME(6),
            closed_by TEXT,
            closed_why TEXT,
            INDEX ix_{name}_queue (queue_name, created_at, id),
            INDEX ix_{name}_not_replayed
                (replayed_at, discarded_at, queue_name, created_at, id),
            INDEX ix_{name}_open (replayed_at, discarded_at, created_at, id),
            UNIQUE INDEX ux_{name}_open_key (queue_name, open_key)
        ) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        "CREATE TABLE IF NOT EXISTS {trail} (
            id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
            letter_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
            at DATETIME(6) NOT NULL,
            action VARCHAR(32) NOT NULL,
            actor TEXT,
            note TEXT,
            INDEX ix_{name}_trail (letter_id, id)
        ) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    ]];

    fn placeholder(_: usize, input: Input) -> Cow<'static, str> {
        Cow::Borrowed(match input {
            Input::Plain | Input::Id | Input::Json => "?",
            Input::Time => "('1970-01-01' + INTERVAL ? MICROSECOND)",
        })
    }

    fn output(column: &str, output: Output) -> String {
        match output {
            Output::Plain | Output::Id => column.to_owned(),
            Output::Key => format!("CONVERT({column} USING utf8mb4)"),
            Output::Json => format!("CAST({column} AS CHAR CHARACTER SET utf8mb4)"),
            Output::Time => format!("TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {column})"),
        }
    }

    fn now_plus(micros: i64) -> String {
        format!("({} + INTERVAL {micros} MICROSECOND)", Self::NOW)
    }

    async fn connect(url: &str, max_connections: u32) -> Result<Pool<Self>, Error> {
        MySqlPoolOptions::new().max_connections(max_connections).connect(url).await
    }

    // At the default level, a claim would lock the gaps between letters, and writers would wait.
    async fn begin(pool: &Pool<Self>) -> Result<Transaction<'static, Self>, Error> {
        pool.begin_with("SET TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION").await
    }

    async fn lock(connection: &mut Self::Connection, table: &str) -> Result<(), Error> {
        let row = sqlx::query("SELECT GET_LOCK(CONCAT('dead-letters-', ?), 60)")
            .bind(table)
            .fetch_one(connection)
            .await?;
        match row.try_get::<Option<i64>, _>(0)? {
            Some(1) => Ok(()),
            _ => Err(Error::PoolTimedOut),
        }
    }

    async fn unlock(connection: &mut Self::Connection, table: &str) -> Result<(), Error> {
        sqlx::query("SELECT RELEASE_LOCK(CONCAT('dead-letters-', ?))")
            .bind(table)
            .execute(connection)
            .await?;
        Ok(())
    }

    async fn max_payload(connection: &mut Self::Connection) -> Result<Option<u64>, Error> {
        let row = sqlx::query("SELECT CAST(@@max_allowed_packet AS UNSIGNED)")
            .fetch_one(connection)
            .await?;
        // The rest of the statement is in the same packet.
        Ok(Some(row.try_get::<u64, _>(0)?.saturating_sub(1024)))
    }

    queries!();
}
