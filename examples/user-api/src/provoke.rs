//! Routes that cause real failures on purpose: those of a busy database, a bug, and a fatal error.

use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use resilience::errors::MissingConfig;
use resilience::{Problem, millis, transaction};
use sqlx::{PgPool, SqlitePool};

use crate::app::App;
use crate::database::{Database, MAX_CONNECTIONS, on};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/full-pool", post(full_pool))
        .route("/deadlock", post(deadlock))
        .route("/slow-query", post(slow_query))
        .route("/panic", post(panic))
        .route("/fatal", post(fatal))
}

/// Takes all connections, and then asks for one more.
async fn full_pool(State(app): State<App>) -> Result<(), Problem> {
    let full = on!(&app.database, pool => {
        let mut held = Vec::new();
        loop {
            match pool.acquire().await {
                Ok(connection) => held.push(connection),
                Err(error) => break app.database.diagnosed(Err::<(), _>(error)).await,
            }
            assert!(held.len() <= MAX_CONNECTIONS as usize, "the pool exceeds its limit");
        }
    });
    Ok(full?)
}

async fn deadlock(State(app): State<App>) -> Result<(), Problem> {
    let lost = match &app.database {
        Database::Sqlite(pool, _) => overtaken(pool).await,
        Database::Postgres(pool) => crossed(pool).await,
    };
    Ok(app.database.diagnosed(lost).await?)
}

/// SQLite locks the whole database and has no deadlocks. The closest thing is an outdated snapshot:
/// a transaction that read before another one wrote can't write anymore.
///
/// `#[transaction]` repeats the whole body. Here, another write comes first each time.
/// A repetition would begin with the write lock, and keep the other write out.
#[transaction(tx = pool, attempts = 2, begin = "BEGIN DEFERRED")]
async fn overtaken(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    // Alternates the name, because an update without a change isn't written.
    const RENAME: &str =
        "UPDATE teams SET name = CASE name WHEN 'all' THEN 'everyone' ELSE 'all' END WHERE id = 1";
    sqlx::query("SELECT name FROM teams").fetch_all(&mut *tx).await?;
    let other = pool.clone();
    sqlx::query(RENAME).execute(&other).await?;
    sqlx::query(RENAME).execute(&mut *tx).await?;
    Ok(())
}

/// Two transactions take two locks in opposite orders.
#[transaction(tx = pool)]
async fn crossed(pool: &PgPool) -> Result<(), sqlx::Error> {
    let lock = |key: i32| sqlx::query("SELECT pg_advisory_xact_lock(42, $1)").bind(key);
    let elsewhere = pool.clone();
    let mut other = elsewhere.begin().await?;
    lock(1).execute(&mut *tx).await?;
    lock(2).execute(&mut *other).await?;
    let (first, second) = tokio::join!(lock(2).execute(&mut *tx), lock(1).execute(&mut *other));
    first.and(second)?;
    Ok(())
}

async fn slow_query(State(app): State<App>) -> Result<(), Problem> {
    let stopped = match &app.database {
        Database::Sqlite(pool, _) => interrupted(pool).await,
        Database::Postgres(pool) => timed_out(pool).await,
    };
    Ok(app.database.diagnosed(stopped).await?)
}

/// SQLite has no query timeout, but calls a progress handler that can interrupt the query.
async fn interrupted(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    const COUNT: &str =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000)
         SELECT count(*) FROM n";
    let mut connection = pool.acquire().await?;
    let end = Instant::now() + millis(200);
    connection.lock_handle().await?.set_progress_handler(10_000, move || Instant::now() < end);
    let counted = sqlx::query(COUNT).fetch_one(&mut *connection).await;
    connection.lock_handle().await?.remove_progress_handler();
    counted.map(drop)
}

async fn timed_out(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query("SET LOCAL statement_timeout = 200").execute(&mut *transaction).await?;
    sqlx::query("SELECT pg_sleep(60)").execute(&mut *transaction).await?;
    transaction.commit().await
}

async fn panic() {
    panic!("every user has a team");
}

async fn fatal() -> Result<(), Problem> {
    Err(MissingConfig::new("SMTP_URL"))?
}
