use resilience::testing::{Recorder, Script, isolated};
use resilience::{Rejected, ServiceError, errors::ServiceUnavailable, retry, timeout};
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};

#[derive(Debug, thiserror::Error, ServiceError)]
enum PriceError {
    #[error(transparent)]
    #[service(transparent)]
    Unavailable(#[from] ServiceUnavailable),
    #[error(transparent)]
    #[service(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] Rejected),
}

#[retry(idempotent, base = "10m", max_delay = "1h")]
#[timeout("5s")]
async fn price(partner: &Script<i64, PriceError>) -> Result<i64, PriceError> {
    partner.call().await
}

async fn store(price: i64, pool: &SqlitePool) -> Result<(), PriceError> {
    sqlx::query("INSERT INTO prices VALUES (?)").bind(price).execute(pool).await?;
    Ok(())
}

#[retry(idempotent, base = "10m", max_delay = "1h")]
#[timeout("5s")]
async fn import(partner: &Script<i64, PriceError>, pool: &SqlitePool) -> Result<(), PriceError> {
    store(partner.call().await?, pool).await
}

/// A database in memory belongs to its connection, so there is one.
async fn database() -> SqlitePool {
    let pool =
        SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
    sqlx::query("CREATE TABLE prices (price INTEGER)").execute(&pool).await.unwrap();
    pool
}

async fn stored(pool: &SqlitePool) -> Vec<i64> {
    sqlx::query_scalar("SELECT price FROM prices").fetch_all(pool).await.unwrap()
}

#[tokio::test]
#[isolated(no_wait)] // the clock runs, and ten minutes of backoff are skipped
async fn price_is_imported_once_the_partner_answers() {
    let log = Recorder::start();
    let pool = database().await;
    let partner = Script::new().fails(2).answers(250);

    import(&partner, &pool).await.unwrap();
    assert_eq!(stored(&pool).await, [250]);
    log.assert_retried(2);
}

#[tokio::test]
#[isolated]
async fn price_is_stored_after_half_an_hour_of_retries() {
    let pool = database().await;
    let partner = Script::new().fails(1).hangs().answers(250);

    tokio::time::pause(); // no database from here …
    let price = price(&partner).await.unwrap();
    tokio::time::resume(); // … to here

    store(price, &pool).await.unwrap();
    assert_eq!(stored(&pool).await, [250]);
}
