use resilience::transaction;
use sqlx::{Executor as _, MySqlPool};
use tokio::sync::Barrier;

use super::entries::mysql::{increase, notes, two_entries};
use super::support::CallError;

/// Ignores a deadlock and continues.
#[transaction(tx = pool)]
async fn goes_on(pool: &MySqlPool, both: &Barrier) -> Result<(), CallError> {
    increase(tx, 1).await?;
    both.wait().await;
    let lost = increase(tx, 2).await;
    if lost.is_err() {
        tx.execute("INSERT INTO entries (id) VALUES (99)").await?;
    }
    Ok(())
}

#[tokio::test]
async fn deadlock_ignored_by_the_body_is_an_error() {
    let Some(pool) = two_entries().await else { return };
    // The transaction that has written less is the victim.
    let both = Barrier::new(2);
    let other = async {
        let mut other = pool.begin().await.unwrap();
        increase(&mut other, 2).await.unwrap();
        for id in 10..40 {
            sqlx::query("INSERT INTO entries (id) VALUES (?)")
                .bind(id)
                .execute(&mut *other)
                .await
                .unwrap();
        }
        both.wait().await;
        increase(&mut other, 1).await.unwrap();
        other.rollback().await.unwrap();
    };
    let (outcome, ()) = tokio::join!(goes_on(&pool, &both), other);
    let error = outcome.unwrap_err();
    assert!(error.is_rolled_back(), "{error:?}");
    // Nothing that followed the deadlock was committed.
    assert_eq!(notes(&pool).await, [0, 0, 0]);
}

#[transaction(tx = pool)]
async fn commits_implicitly(pool: &MySqlPool) -> Result<(), CallError> {
    increase(tx, 1).await?;
    tx.execute("CREATE TABLE more (id INT)").await?;
    increase(tx, 2).await?;
    Ok(())
}

#[tokio::test]
async fn implicit_commit_is_an_error() {
    let Some(pool) = two_entries().await else { return };
    let error = commits_implicitly(&pool).await.unwrap_err();
    assert!(error.is_rolled_back(), "{error:?}");
}

#[transaction(tx = pool, begin = "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; START TRANSACTION")]
async fn level(pool: &MySqlPool) -> Result<String, CallError> {
    increase(tx, 1).await?;
    let level = "SELECT trx_isolation_level FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = connection_id()";
    Ok(sqlx::query_scalar(level).fetch_one(&mut *tx).await?)
}

#[tokio::test]
async fn isolation_level_is_set_before_the_start() {
    let Some(pool) = two_entries().await else { return };
    assert_eq!(level(&pool).await.unwrap(), "SERIALIZABLE");
    assert_eq!(notes(&pool).await, [1, 0]);
}

#[transaction(tx = pool, begin = "START TRANSACTION; ")]
async fn begins_with_a_semicolon(pool: &MySqlPool) -> Result<(), CallError> {
    increase(tx, 1).await?;
    Ok(())
}

#[tokio::test]
async fn begin_option_may_end_with_a_semicolon() {
    let Some(pool) = two_entries().await else { return };
    begins_with_a_semicolon(&pool).await.unwrap();
    assert_eq!(notes(&pool).await, [1, 0]);
}
