//! Tests that run on every database.

use super::support::{CallError, Runs, dropped_after, mysql, postgres, sqlite};

macro_rules! basics {
    ($database:ident, $pool:ty, $connection:ty, $open:path) => {
        mod $database {
            use std::time::Duration;

            use resilience::{Advice, transaction};
            use sqlx::{Connection as _, Executor as _};

            use super::*;

            async fn ids(pool: &$pool) -> Vec<i32> {
                sqlx::query_scalar("SELECT id FROM entries ORDER BY id")
                    .fetch_all(pool)
                    .await
                    .unwrap()
            }

            /// Writes the row, which an open transaction would have locked.
            async fn insert_one(pool: &$pool) {
                let insert = sqlx::query("INSERT INTO entries (id) VALUES (1)").execute(pool);
                // SQLite doesn't wait for locks, so repeat it until the rollback is done.
                let mut outcome = insert.await;
                for _ in 0..200 {
                    match &outcome {
                        Err(error) if error.to_string().contains("locked") => {}
                        _ => break,
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    outcome =
                        sqlx::query("INSERT INTO entries (id) VALUES (1)").execute(pool).await;
                }
                outcome.unwrap();
            }

            enum Then {
                Succeed,
                Fail,
                Panic,
                Hang,
            }

            #[transaction(tx = pool)]
            async fn insert(pool: &$pool, then: Then) -> Result<u32, CallError> {
                sqlx::query("INSERT INTO entries (id) VALUES (1)").execute(&mut *tx).await?;
                match then {
                    Then::Succeed => Ok(7),
                    Then::Fail => Err(CallError::Refused),
                    Then::Panic => panic!("in the body"),
                    Then::Hang => std::future::pending().await,
                }
            }

            #[tokio::test]
            async fn success_is_committed() {
                let Some(pool) = $open(1).await else { return };
                assert_eq!(insert(&pool, Then::Succeed).await.unwrap(), 7);
                assert_eq!(ids(&pool).await, [1]);
            }

            #[tokio::test]
            async fn failure_is_rolled_back() {
                let Some(pool) = $open(1).await else { return };
                assert!(matches!(insert(&pool, Then::Fail).await, Err(CallError::Refused)));
                assert!(ids(&pool).await.is_empty());
                insert_one(&pool).await;
            }

            #[tokio::test]
            async fn panic_is_rolled_back() {
                let Some(pool) = $open(2).await else { return };
                let ours = pool.clone();
                let call = tokio::spawn(async move { insert(&ours, Then::Panic).await });
                assert!(call.await.unwrap_err().is_panic());
                insert_one(&pool).await;
                assert_eq!(ids(&pool).await, [1]);
            }

            #[tokio::test]
            async fn canceled_call_is_rolled_back() {
                let Some(pool) = $open(2).await else { return };
                let call =
                    tokio::time::timeout(Duration::from_millis(300), insert(&pool, Then::Hang));
                call.await.expect_err("it hangs");
                insert_one(&pool).await;
                assert_eq!(ids(&pool).await, [1]);
            }

            #[tokio::test]
            async fn pool_stays_clean_after_a_drop_at_any_poll() {
                let Some(pool) = $open(1).await else { return };
                let apart = <$pool>::connect_with((*pool.connect_options()).clone()).await.unwrap();
                let mut completed = false;
                let mut polls = 1;
                while !completed {
                    completed = dropped_after(polls, insert(&pool, Then::Fail)).await.is_some();
                    // The pool's only connection must not be inside a transaction.
                    sqlx::query("DELETE FROM entries").execute(&*pool).await.unwrap();
                    insert_one(&pool).await;
                    assert_eq!(ids(&apart).await, [1], "after {polls} polls");
                    sqlx::query("DELETE FROM entries").execute(&*pool).await.unwrap();
                    polls += 1;
                }
            }

            #[tokio::test]
            async fn commit_dropped_at_any_poll_is_all_or_nothing() {
                let Some(pool) = $open(1).await else { return };
                let apart = <$pool>::connect_with((*pool.connect_options()).clone()).await.unwrap();
                let mut completed = false;
                let mut polls = 1;
                while !completed {
                    completed = dropped_after(polls, insert(&pool, Then::Succeed)).await.is_some();
                    // The connection is outside a transaction.
                    let mut connection = pool.acquire().await.unwrap();
                    assert!(!connection.is_in_transaction(), "after {polls} polls");
                    connection.execute("DELETE FROM entries").await.unwrap();
                    assert!(ids(&apart).await.is_empty(), "after {polls} polls");
                    polls += 1;
                }
            }

            #[transaction(tx = pool)]
            async fn with_savepoints(pool: &$pool) -> Result<(), CallError> {
                let mut discarded = tx.begin().await?;
                sqlx::query("INSERT INTO entries (id) VALUES (1)").execute(&mut *discarded).await?;
                discarded.rollback().await?;
                let mut kept = tx.begin().await?;
                sqlx::query("INSERT INTO entries (id) VALUES (2)").execute(&mut *kept).await?;
                kept.commit().await?;
                {
                    let mut dropped = tx.begin().await?;
                    sqlx::query("INSERT INTO entries (id) VALUES (3)")
                        .execute(&mut *dropped)
                        .await?;
                }
                // A failure inside a savepoint stays there.
                let mut fails = tx.begin().await?;
                sqlx::query("INSERT INTO entries (id) VALUES (2)")
                    .execute(&mut *fails)
                    .await
                    .unwrap_err();
                fails.rollback().await?;
                sqlx::query("INSERT INTO entries (id) VALUES (4)").execute(&mut *tx).await?;
                Ok(())
            }

            #[tokio::test]
            async fn savepoints_are_rolled_back_on_their_own() {
                let Some(pool) = $open(1).await else { return };
                for _ in 0..2 {
                    with_savepoints(&pool).await.unwrap();
                    assert_eq!(ids(&pool).await, [2, 4]);
                    sqlx::query("DELETE FROM entries").execute(&*pool).await.unwrap();
                }
            }

            async fn on_a_connection(tx: &mut $connection, id: i32) -> Result<(), sqlx::Error> {
                let insert = format!("INSERT INTO entries (id) VALUES ({id})");
                tx.execute(sqlx::AssertSqlSafe(insert)).await.map(drop)
            }

            async fn on_any<'e, E>(executor: E) -> Result<(), sqlx::Error>
            where
                E: sqlx::Executor<'e, Database = <$connection as sqlx::Connection>::Database>,
            {
                executor.execute("INSERT INTO entries (id) VALUES (3)").await.map(drop)
            }

            #[transaction(tx = pool)]
            async fn by_helpers(pool: &$pool) -> Result<(), CallError> {
                on_a_connection(tx, 1).await?;
                on_a_connection(&mut *tx, 2).await?;
                on_any(tx).await?;
                Ok(())
            }

            #[tokio::test]
            async fn helper_functions_take_the_connection() {
                let Some(pool) = $open(1).await else { return };
                by_helpers(&pool).await.unwrap();
                assert_eq!(ids(&pool).await, [1, 2, 3]);
            }

            #[transaction(tx = pool, attempts = 4, base = "1ms", max_delay = "2ms")]
            async fn lost(
                pool: &$pool,
                advice: Advice,
                runs: &Runs,
                succeed: u32,
            ) -> Result<u32, CallError> {
                let run = runs.next();
                // Fails if the row of an earlier run is still there.
                sqlx::query("INSERT INTO entries (id) VALUES (1)").execute(&mut *tx).await?;
                if run < succeed { Err(CallError::Lost(advice)) } else { Ok(run) }
            }

            #[tokio::test]
            async fn body_is_repeated_in_a_new_transaction() {
                let Some(pool) = $open(1).await else { return };
                let table = [
                    (Advice::RetryTransaction, 3, Some(3), 3),
                    (Advice::RetryTransaction, 9, None, 4),
                    (Advice::RetryCallOrTransaction, 3, Some(3), 3),
                    (Advice::RetryCallOrTransaction, 9, None, 4),
                    (Advice::RetryTransactionOnce, 2, Some(2), 2),
                    (Advice::RetryTransactionOnce, 9, None, 2),
                    (Advice::Retry, 9, None, 1),
                    (Advice::DoNotRetry, 9, None, 1),
                ];
                for (advice, succeed, expected, count) in table {
                    let runs = Runs::default();
                    let outcome = lost(&pool, advice, &runs, succeed).await;
                    assert_eq!((outcome.ok(), runs.count()), (expected, count), "{advice:?}");
                    assert_eq!(
                        ids(&pool).await.len(),
                        usize::from(expected.is_some()),
                        "{advice:?}"
                    );
                    sqlx::query("DELETE FROM entries").execute(&*pool).await.unwrap();
                }
            }

            #[tokio::test]
            async fn error_of_the_pool_is_returned() {
                let Some(pool) = $open(1).await else { return };
                pool.close().await;
                let error = insert(&pool, Then::Succeed).await.unwrap_err();
                assert!(matches!(error, CallError::Database(sqlx::Error::PoolClosed)), "{error:?}");
            }

            #[tokio::test]
            async fn transaction_that_was_never_ended_is_rolled_back_by_the_next() {
                let Some(pool) = $open(1).await else { return };
                let mut connection = pool.acquire().await.unwrap();
                let mut forgotten = connection.begin().await.unwrap();
                forgotten.execute("INSERT INTO entries (id) VALUES (5)").await.unwrap();
                std::mem::forget(forgotten);
                drop(connection);
                insert(&pool, Then::Succeed).await.unwrap();
                assert_eq!(ids(&pool).await, [1]);
            }

            #[transaction(tx = pool, begin = "SELECT 1")]
            async fn begins_nothing(pool: &$pool, runs: &Runs) -> Result<(), CallError> {
                runs.next();
                sqlx::query("INSERT INTO entries (id) VALUES (1)").execute(&mut *tx).await?;
                Ok(())
            }

            #[tokio::test]
            async fn begin_option_that_begins_nothing_is_an_error() {
                let Some(pool) = $open(1).await else { return };
                let runs = Runs::default();
                begins_nothing(&pool, &runs).await.unwrap_err();
                assert_eq!(runs.count(), 0);
                insert(&pool, Then::Succeed).await.unwrap();
            }
        }
    };
}

basics!(of_sqlite, sqlx::SqlitePool, sqlx::SqliteConnection, sqlite);
basics!(of_postgres, sqlx::PgPool, sqlx::PgConnection, postgres);
basics!(of_mysql, sqlx::MySqlPool, sqlx::MySqlConnection, mysql);
