//! Values out of range, and names of other libraries.
use resilience::transaction;
use sqlx::PgPool;

#[transaction(tx = pool, attempts = 0)]
async fn no_attempt(pool: &PgPool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction(tx = pool, base = "2s")]
async fn long_base(pool: &PgPool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction(tx = pool, max_delay = "1ms")]
async fn short_max_delay(pool: &PgPool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction(tx = pool, begin = "")]
async fn empty_begin(pool: &PgPool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction(tx = pool, begin = "immediate")]
async fn begin_with_a_mode(pool: &PgPool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction(tx = pool, begin = "REPEATABLE READ")]
async fn begin_with_a_level(pool: &PgPool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction(tx = pool, begin = 7)]
async fn begin_with_a_number(pool: &PgPool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction(tx = pool, isolation = "serializable")]
async fn isolation(pool: &PgPool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction(tx = pool, read_only)]
async fn read_only(pool: &PgPool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction(tx = pool, propagation = "required")]
async fn propagation(pool: &PgPool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction(tx = pool, retries = 3)]
async fn retries(pool: &PgPool) -> Result<(), sqlx::Error> {
    Ok(())
}

#[transaction(tx = pool, jitter = "full")]
async fn unknown(pool: &PgPool) -> Result<(), sqlx::Error> {
    Ok(())
}

fn main() {}
