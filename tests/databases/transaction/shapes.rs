//! Every shape of function, on SQLite; all of their futures are `Send`.

use std::ops::Deref;
use std::sync::Arc;

use resilience::{Classification, transaction};
use sqlx::{Executor as _, Sqlite, SqliteConnection, SqlitePool};

use super::support::{CallError, sqlite};

fn is_send<F: Future + Send>(future: F) -> F {
    future
}

async fn insert(tx: &mut SqliteConnection, id: i32) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO entries (id) VALUES (?)").bind(id).execute(tx).await.map(drop)
}

async fn ids(pool: &SqlitePool) -> Vec<i32> {
    sqlx::query_scalar("SELECT id FROM entries ORDER BY id").fetch_all(pool).await.unwrap()
}

/// A wrapper, as frameworks pass it.
struct State(SqlitePool);

impl Deref for State {
    type Target = SqlitePool;

    fn deref(&self) -> &SqlitePool {
        &self.0
    }
}

struct Store {
    pool: SqlitePool,
    shared: Arc<SqlitePool>,
    last: i32,
}

impl Store {
    const IMMEDIATE: &'static str = "BEGIN IMMEDIATE";

    #[transaction(tx = self.pool)]
    async fn by_reference(&self, id: i32) -> Result<i32, CallError> {
        insert(tx, id).await?;
        Ok(id)
    }

    #[transaction(tx = &self.shared, begin = Self::IMMEDIATE)]
    async fn exclusively(&mut self, id: i32) -> Result<&i32, CallError> {
        insert(tx, id).await?;
        self.last = id;
        Ok(&1)
    }

    #[transaction(tx = self.pool())]
    async fn in_an_arc(self: Arc<Self>, id: i32) -> Result<(), CallError> {
        insert(tx, id).await?;
        drop(Arc::clone(&self));
        Ok(())
    }

    #[transaction(tx = self.pool, clone(names))]
    async fn with_owned(self, id: i32, names: Vec<String>) -> Result<usize, CallError> {
        insert(tx, id).await?;
        Ok(names.into_boxed_slice().len())
    }

    fn pool(&self) -> &SqlitePool {
        &self.pool
    }
}

#[transaction(tx = pool)]
async fn of_a_state(pool: State) -> Result<(), CallError> {
    insert(tx, 5).await?;
    Ok(())
}

#[transaction(tx = pool, attempts = attempts, base = base, max_delay = base * 10)]
async fn generic<T: Into<i32> + Copy + Send + Sync, const N: usize>(
    pool: &SqlitePool,
    ids: [T; N],
    name: impl AsRef<str> + Send + Sync,
    (attempts, base): (u32, std::time::Duration),
) -> Result<usize, CallError> {
    for id in ids {
        insert(tx, id.into()).await?;
    }
    Ok(name.as_ref().len())
}

#[transaction(tx = pool)]
async fn with_lifetimes<'a>(
    pool: &SqlitePool,
    name: &'a str,
    other: &str,
) -> Result<&'a str, CallError> {
    insert(tx, i32::try_from(other.len()).unwrap_or(0)).await?;
    Ok(name)
}

#[transaction(tx = pool)]
async fn plain(pool: &SqlitePool) -> sqlx::Result<u64> {
    Ok(sqlx::query("INSERT INTO entries (id) VALUES (9)").execute(tx).await?.rows_affected())
}

#[transaction(tx = pool, classify = |_| Classification::permanent("ANY"))]
async fn boxed(pool: &SqlitePool) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    insert(tx, 10).await?;
    Ok(())
}

#[transaction(tx = pool, service = "entries", crate = ::resilience)]
async fn on_one_line(pool: &SqlitePool) -> Result<(), CallError> {
    Ok(insert(tx, 11).await?)
}

#[async_trait::async_trait]
trait Writes {
    async fn write(&self, id: i32) -> Result<(), CallError>;
    async fn write_mut(&mut self, id: i32) -> Result<i32, CallError>;
}

#[async_trait::async_trait]
impl Writes for Store {
    #[transaction(tx = self.pool)]
    async fn write(&self, id: i32) -> Result<(), CallError> {
        insert(tx, id).await?;
        Ok(())
    }

    #[transaction(tx = self.pool)]
    async fn write_mut(&mut self, id: i32) -> Result<i32, CallError> {
        insert(tx, id).await?;
        self.last = id;
        Ok(self.last)
    }
}

trait WritesNatively {
    fn write(&self, id: i32) -> impl Future<Output = Result<(), CallError>> + Send;
}

impl WritesNatively for State {
    #[transaction(tx = self.0)]
    async fn write(&self, id: i32) -> Result<(), CallError> {
        sqlx::query::<Sqlite>("INSERT INTO entries (id) VALUES (?)")
            .bind(id)
            .execute(&mut *tx)
            .await?;
        Ok(())
    }
}

#[tokio::test]
async fn transaction_works_on_every_shape_of_function() {
    let opened = sqlite(1).await.unwrap();
    let pool: SqlitePool = opened.clone();
    let store = || Store { pool: pool.clone(), shared: Arc::new(pool.clone()), last: 0 };

    assert_eq!(is_send(store().by_reference(1)).await.unwrap(), 1);
    assert_eq!(is_send(store().exclusively(2)).await.unwrap(), &1);
    is_send(Arc::new(store()).in_an_arc(3)).await.unwrap();
    assert_eq!(is_send(store().with_owned(4, vec![String::new()])).await.unwrap(), 1);
    is_send(of_a_state(State(pool.clone()))).await.unwrap();
    assert_eq!(
        is_send(generic(&pool, [6_u8, 7], "name", (2, resilience::millis(1)))).await.unwrap(),
        4
    );
    assert_eq!(is_send(with_lifetimes(&pool, "kept", "8 letters")).await.unwrap(), "kept");
    pool.execute("DELETE FROM entries WHERE id = 9").await.unwrap();
    assert_eq!(is_send(plain(&pool)).await.unwrap(), 1);
    is_send(boxed(&pool)).await.unwrap();
    is_send(on_one_line(&pool)).await.unwrap();
    is_send(Writes::write(&store(), 12)).await.unwrap();
    assert_eq!(is_send(store().write_mut(13)).await.unwrap(), 13);
    is_send(WritesNatively::write(&State(pool.clone()), 14)).await.unwrap();
    assert_eq!(ids(&pool).await, [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14]);

    // A spawned future has to be `Send` for every lifetime.
    let store = store();
    let spawned = tokio::spawn(async move { store.by_reference(15).await });
    spawned.await.unwrap().unwrap();
}
