//! The database: SQLite in a temporary file, or PostgreSQL if a URL is given.

use std::path::PathBuf;
use std::sync::Arc;

use resilience::sql::{self, Diagnosis};
use resilience::{millis, request::RequestId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{PgPool, SqlitePool};

/// Small, so that the pool is easy to exhaust.
pub(crate) const MAX_CONNECTIONS: u32 = 4;

#[derive(Clone)]
pub(crate) enum Database {
    Sqlite(
        SqlitePool,
        #[allow(dead_code, reason = "removes the file when it is dropped")] Arc<TemporaryFile>,
    ),
    Postgres(PgPool),
}

/// Runs a statement on the database in use.
macro_rules! on {
    ($database:expr, $pool:ident => $statement:expr) => {
        match $database {
            $crate::database::Database::Sqlite($pool, _) => $statement,
            $crate::database::Database::Postgres($pool) => $statement,
        }
    };
}
pub(crate) use on;

impl Database {
    pub(crate) async fn open(url: Option<&str>) -> Result<Self, sqlx::Error> {
        match url {
            Some(url) => Self::postgres(url.parse()?).await,
            None => Self::sqlite().await,
        }
    }

    async fn sqlite() -> Result<Self, sqlx::Error> {
        let file = TemporaryFile(
            std::env::temp_dir().join(format!("user-api-{}.sqlite", RequestId::new())),
        );
        let options = SqliteConnectOptions::new()
            .filename(&file.0)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(millis(300));
        let pool = SqlitePoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(millis(500))
            .connect_with(options)
            .await?;
        sqlx::raw_sql(include_str!("../schema/sqlite.sql")).execute(&pool).await?;
        Ok(Self::Sqlite(pool, Arc::new(file)))
    }

    async fn postgres(options: PgConnectOptions) -> Result<Self, sqlx::Error> {
        let pool = PgPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(millis(500))
            .connect_with(options)
            .await?;
        sqlx::raw_sql(include_str!("../schema/postgres.sql")).execute(&pool).await?;
        Ok(Self::Postgres(pool))
    }

    /// Finds out why the pool gave no connection: whether it is exhausted or the server is down.
    pub(crate) async fn diagnosed<T>(
        &self,
        result: Result<T, sqlx::Error>,
    ) -> Result<T, Diagnosis> {
        match result {
            Ok(value) => Ok(value),
            Err(error) => Err(on!(self, pool => sql::diagnose(pool, error).await)),
        }
    }
}

pub(crate) struct TemporaryFile(PathBuf);

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = self.0.clone().into_os_string();
            name.push(suffix);
            // The file may not exist.
            let _ = std::fs::remove_file(name);
        }
    }
}
