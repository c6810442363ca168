//! Bodies that use their connection, and end, in every possible way. On a server,
//! as `poisoned` on SQLite.

use std::future::pending;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use resilience::transaction;
use sqlx::{Connection as _, Executor as _};
use tokio::sync::Mutex;

use super::support::{CallError, mysql, postgres};

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Succeed,
    Fail,
    Panic,
    Hang,
}

impl End {
    async fn reached(self) -> Result<(), CallError> {
        match self {
            Self::Succeed => Ok(()),
            Self::Fail => Err(CallError::Refused),
            Self::Panic => panic!("in the body"),
            Self::Hang => pending().await,
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert,
    /// A statement that fails.
    Mistake,
    /// A statement about the transaction that sqlx doesn't know of.
    Raw(&'static str),
    Savepoint(Vec<Step>, SavepointEnd),
}

#[derive(Clone, Copy, Debug)]
enum SavepointEnd {
    Commit,
    RollBack,
    Drop,
    Forget,
}

/// Whether the body may have ended its transaction, so that what follows isn't part of it: by
/// itself, or by sqlx's reaction to a savepoint that can't begin after a mistake.
fn may_end_it(steps: &[Step]) -> bool {
    let is = |wanted: fn(&Step) -> bool| any(steps, wanted);
    is(|step| matches!(step, Step::Raw(_)))
        || is(|step| matches!(step, Step::Mistake))
            && is(|step| matches!(step, Step::Savepoint(..)))
}

fn any(steps: &[Step], wanted: fn(&Step) -> bool) -> bool {
    steps
        .iter()
        .any(|step| wanted(step) || matches!(step, Step::Savepoint(steps, _) if any(steps, wanted)))
}

fn steps(raw: &'static [&'static str]) -> impl Strategy<Value = Vec<Step>> {
    let raw = prop::sample::select(raw).prop_map(Step::Raw);
    let step = prop_oneof![3 => Just(Step::Insert), 1 => Just(Step::Mistake), 1 => raw];
    let step = step.prop_recursive(3, 12, 4, |inner| {
        let ends = [
            SavepointEnd::Commit,
            SavepointEnd::RollBack,
            SavepointEnd::Drop,
            SavepointEnd::Forget,
        ];
        let end = prop::sample::select(ends.to_vec());
        (vec(inner, 0..4), end).prop_map(|(steps, end)| Step::Savepoint(steps, end))
    });
    vec(step, 0..6)
}

macro_rules! any_body {
    ($database:ident, $pool:ty, $connection:ty, $insert:literal, $raw:expr) => {
        mod $database {
            use super::*;

            /// Takes the steps, and ignores what fails.
            async fn take(steps: Vec<Step>, connection: &mut $connection) {
                for step in steps {
                    match step {
                        Step::Insert => drop(connection.execute($insert).await),
                        Step::Mistake => {
                            drop(connection.execute("SELECT nothing FROM nowhere").await);
                        }
                        Step::Raw(statement) => drop(connection.execute(statement).await),
                        Step::Savepoint(steps, end) => {
                            let Ok(mut savepoint) = connection.begin().await else { continue };
                            Box::pin(take(steps, &mut savepoint)).await;
                            match end {
                                SavepointEnd::Commit => drop(savepoint.commit().await),
                                SavepointEnd::RollBack => drop(savepoint.rollback().await),
                                SavepointEnd::Drop => drop(savepoint),
                                SavepointEnd::Forget => std::mem::forget(savepoint),
                            }
                        }
                    }
                }
            }

            #[transaction(tx = pool)]
            async fn call(pool: &$pool, steps: Vec<Step>, end: End) -> Result<(), CallError> {
                take(steps.clone(), tx).await;
                end.reached().await
            }

            #[test]
            fn no_body_leaves_the_connection_in_a_transaction() {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let Some(pool) = runtime.block_on($database(1)) else { return };
                let options = pool.connect_options();
                let apart = runtime.block_on(<$connection>::connect_with(&options)).unwrap();
                let apart = Mutex::new(apart);
                let ends = [End::Succeed, End::Fail, End::Panic, End::Hang];
                let ends = prop::sample::select(ends.to_vec());
                let mut runner = TestRunner::new(Config { cases: 150, ..Config::default() });
                let outcome = runner.run(&(steps($raw), ends), |(steps, end)| {
                    runtime.block_on(async {
                        let mut apart = apart.lock().await;
                        let may_commit = end == End::Succeed || may_end_it(&steps);
                        let ours = pool.clone();
                        let call = async move { call(&ours, steps, end).await };
                        let call = tokio::time::timeout(Duration::from_millis(100), call);
                        let outcome = tokio::spawn(call).await;
                        prop_assert_eq!(outcome.is_err(), end == End::Panic);
                        // A plain statement on the pool is kept, and locks no connection out.
                        pool.execute("INSERT INTO entries (id) VALUES (-1)").await.unwrap();
                        let deleted = apart.execute("DELETE FROM entries WHERE id = -1").await;
                        prop_assert_eq!(deleted.unwrap().rows_affected(), 1);
                        let left = apart.execute("DELETE FROM entries").await.unwrap();
                        prop_assert!(may_commit || left.rows_affected() == 0);
                        Ok(())
                    })
                });
                outcome.unwrap();
            }
        }
    };
}

any_body!(
    postgres,
    sqlx::PgPool,
    sqlx::PgConnection,
    "INSERT INTO entries (id) SELECT coalesce(max(id), 0) + 1 FROM entries",
    &["COMMIT", "ROLLBACK", "BEGIN", "SAVEPOINT a", "RELEASE SAVEPOINT a"]
);
any_body!(
    mysql,
    sqlx::MySqlPool,
    sqlx::MySqlConnection,
    "INSERT INTO entries (id) SELECT coalesce(max(id), 0) + 1 FROM entries",
    &[
        "COMMIT",
        "ROLLBACK",
        "BEGIN",
        "SAVEPOINT a",
        "RELEASE SAVEPOINT a",
        "CREATE TABLE IF NOT EXISTS other (id INTEGER)",
    ]
);
