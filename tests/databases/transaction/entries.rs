//! Two rows that transactions of a server compete for.

use resilience::transaction;
use sqlx::Executor as _;
use tokio::sync::Barrier;

use super::support::{self, CallError, Opened, Runs};

macro_rules! entries {
    ($database:ident, $pool:ty, $connection:ty, $update:literal) => {
        pub(super) mod $database {
            use super::*;

            pub(in super::super) async fn notes(pool: &$pool) -> Vec<i32> {
                sqlx::query_scalar("SELECT note FROM entries ORDER BY id")
                    .fetch_all(pool)
                    .await
                    .unwrap()
            }

            pub(in super::super) async fn two_entries() -> Option<Opened<$pool>> {
                let pool = support::$database(4).await?;
                pool.execute("INSERT INTO entries (id) VALUES (1), (2)").await.unwrap();
                Some(pool)
            }

            pub(in super::super) async fn increase(
                connection: &mut $connection,
                id: i32,
            ) -> Result<(), sqlx::Error> {
                sqlx::query($update).bind(id).execute(connection).await.map(drop)
            }

            /// Two of these with swapped ids deadlock in their first run.
            #[transaction(tx = pool)]
            pub(in super::super) async fn increase_both(
                pool: &$pool,
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
            async fn deadlock_is_resolved_by_repeating_one_transaction() {
                let Some(pool) = two_entries().await else { return };
                let (both, one, other) = (Barrier::new(2), Runs::default(), Runs::default());
                let (first, second) = tokio::join!(
                    increase_both(&pool, (1, 2), &both, &one),
                    increase_both(&pool, (2, 1), &both, &other)
                );
                let runs = first.unwrap() + second.unwrap();
                assert_eq!(runs, 3, "one succeeds in its first run, the other in its second");
                assert_eq!(one.count() + other.count(), 3);
                assert_eq!(notes(&pool).await, [2, 2]);
            }
        }
    };
}

entries!(
    postgres,
    sqlx::PgPool,
    sqlx::PgConnection,
    "UPDATE entries SET note = note + 1 WHERE id = $1"
);
entries!(
    mysql,
    sqlx::MySqlPool,
    sqlx::MySqlConnection,
    "UPDATE entries SET note = note + 1 WHERE id = ?"
);
