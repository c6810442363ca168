use resilience::transaction;
use sqlx::{Executor as _, MySqlConnection, MySqlPool};
use tokio::sync::Barrier;

use crate::support::{CallError, Opened, Runs, mysql};

async fn notes(pool: &MySqlPool) -> Vec<i32> {
    sqlx::query_scalar("SELECT note FROM entries ORDER BY id").fetch_all(pool).await.unwrap()
}

async fn two_entries() -> Option<Opened<MySqlPool>> {
    let pool = mysql(4).await?;
    pool.execute("INSERT INTO entries (id) VALUES (1), (2)").await.unwrap();
    Some(pool)
}

async fn increase(connection: &mut MySqlConnection, id: i32) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE entries SET note = note + 1 WHERE id = ?")
        .bind(id)
        .execute(connection)
        .await
        .map(drop)
}

/// Two of these, with the ids the other way round, end in a deadlock the first time.
#[transaction(tx = pool)]
async fn increase_both(
    pool: &MySqlPool,
    ids: (i32, i32),
    both: &Barrier,
    runs: &Runs,
) -> Result<u32, CallError> {
    let run = runs.next();
    increase(tx, ids.0).await?;
    if run == 1 {
        both.wait().await;
    }
    increase(tx, ids.1).await?;
    Ok(run)
}

#[tokio::test]
async fn a_deadlock_of_two_is_resolved_by_repeating_one() {
    let Some(pool) = two_entries().await else { return };
    let (both, one, other) = (Barrier::new(2), Runs::default(), Runs::default());
    let (first, second) = tokio::join!(
        increase_both(&pool, (1, 2), &both, &one),
        increase_both(&pool, (2, 1), &both, &other)
    );
    assert_eq!(first.unwrap() + second.unwrap(), 3, "one at once, the other in its second run");
    assert_eq!(one.count() + other.count(), 3);
    assert_eq!(notes(&pool).await, [2, 2]);
}

/// Goes on after a deadlock, as if the transaction were still there.
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
async fn a_deadlock_that_the_body_dropped_is_an_error() {
    let Some(pool) = two_entries().await else { return };
    // Two who drop the deadlock: one of them is its victim, and is told.
    let both = Barrier::new(2);
    let other = async {
        let mut other = pool.begin().await.unwrap();
        increase(&mut other, 2).await.unwrap();
        // Who has written more isn't the victim.
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
    // Nothing can take back what was committed after the deadlock.
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
async fn a_statement_that_commits_implicitly_is_told_of() {
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
async fn the_isolation_level_is_set_before_the_start() {
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
async fn a_statement_may_end_with_a_semicolon() {
    let Some(pool) = two_entries().await else { return };
    begins_with_a_semicolon(&pool).await.unwrap();
    assert_eq!(notes(&pool).await, [1, 0]);
}
