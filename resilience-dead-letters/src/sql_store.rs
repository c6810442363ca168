//! Stores on SQLx.

use std::fmt;
use std::sync::Arc;

use resilience::dead_letter::{DeadLetterStore, Letter, StoreError, StoreFuture, Stored};
use sqlx::Pool;

use crate::Error;
use crate::backend::Backend;
use crate::error::not_stored;
use crate::insert::{check, insert};
use crate::migrate::migrate;
use crate::names::Names;
use crate::writer::Writer;

/// Letters in SQLite: for one machine, whose processes may share the file.
#[cfg(feature = "sqlite")]
pub type SqliteStore = LetterStore<sqlx::Sqlite>;
/// Letters in PostgreSQL, from 12.
#[cfg(feature = "postgres")]
pub type PostgresStore = LetterStore<sqlx::Postgres>;
/// Letters in MariaDB, from 10.6, or MySQL, from 8.0.
#[cfg(feature = "mysql")]
pub type MySqlStore = LetterStore<sqlx::MySql>;

/// Keeps letters in a database: [`SqliteStore`](crate::SqliteStore) and its siblings.
///
/// A clone is a handle of the same store.
///
/// # Durability
///
/// [`store`](DeadLetterStore::store) returns after the commit. [`open`](Self::open) opens SQLite with
/// `journal_mode = WAL` and `synchronous = FULL`. Concurrent letters share one transaction there, and
/// one `fsync`.
pub struct LetterStore<DB: Backend> {
    pub(crate) inner: Arc<Inner<DB>>,
}

pub(crate) struct Inner<DB: Backend> {
    pub(crate) pool: Pool<DB>,
    pub(crate) names: Names,
    pub(crate) writer: Option<Writer<DB>>,
    max_payload: Option<u64>,
}

/// How to open a store.
///
/// ```
/// use resilience_dead_letters::StoreOptions;
///
/// let options = StoreOptions::new().table("failed_orders").max_connections(10);
/// # let _ = options;
/// ```
#[derive(Debug, Clone)]
pub struct StoreOptions {
    table: String,
    max_connections: u32,
}

impl StoreOptions {
    /// The table `dead_letters`, and at most 5 connections.
    pub fn new() -> Self {
        Self { table: "dead_letters".to_owned(), max_connections: 5 }
    }

    /// The table's name: up to 40 lower-case letters, digits and underscores. Two further tables have
    /// this name with `_trail` and `_versions`.
    #[must_use]
    pub fn table(mut self, table: impl Into<String>) -> Self {
        self.table = table.into();
        self
    }

    /// The most connections that the store opens. Of no effect with a pool of your own.
    #[must_use]
    pub fn max_connections(mut self, connections: u32) -> Self {
        self.max_connections = connections;
        self
    }
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl<DB: Backend> LetterStore<DB> {
    /// Opens the store at this URL, and creates or migrates its tables: `sqlite:letters.db`,
    /// `postgres://user@host/database` or `mysql://user@host/database`. SQLite's file is created if
    /// it is missing.
    ///
    /// # Errors
    ///
    /// If the database can't be reached, the URL isn't valid, or the tables have a newer version.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime.
    pub async fn open(url: &str) -> Result<Self, Error> {
        Self::open_with(url, &StoreOptions::new()).await
    }

    /// Opens the store at this URL with these options.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and if the table's name isn't valid.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime.
    pub async fn open_with(url: &str, options: &StoreOptions) -> Result<Self, Error> {
        let names = Names::new::<DB>(&options.table)?;
        let pool = DB::connect(url, options.max_connections).await?;
        Self::with_names(pool, names).await
    }

    /// Opens the store in the database of this pool. On SQLite, letters are as durable as the pool's
    /// `synchronous` says: use `FULL`.
    ///
    /// # Errors
    ///
    /// As [`open_with`](Self::open_with).
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime.
    pub async fn with_pool(pool: Pool<DB>, options: &StoreOptions) -> Result<Self, Error> {
        let names = Names::new::<DB>(&options.table)?;
        Self::with_names(pool, names).await
    }

    async fn with_names(pool: Pool<DB>, names: Names) -> Result<Self, Error> {
        migrate(&pool, &names).await?;
        let max_payload = DB::max_payload(&mut *pool.acquire().await?).await?;
        let writer = DB::ONE_WRITER.then(|| Writer::spawn(pool.clone(), names.clone()));
        Ok(Self { inner: Arc::new(Inner { pool, names, writer, max_payload }) })
    }

    /// Stores the letter in your own transaction: it is durable when you commit.
    ///
    /// # Errors
    ///
    /// If the database refuses the letter or can't be reached.
    pub async fn store_in(
        &self,
        transaction: &mut DB::Connection,
        letter: &Letter,
    ) -> Result<Stored, StoreError> {
        check(letter, self.inner.max_payload)?;
        insert::<DB>(transaction, &self.inner.names, letter).await.map_err(not_stored)
    }

    /// The pool that the store uses.
    pub fn pool(&self) -> &Pool<DB> {
        &self.inner.pool
    }

    async fn store_now(&self, letter: &Letter) -> Result<Stored, StoreError> {
        let Inner { pool, names, writer, max_payload } = &*self.inner;
        check(letter, *max_payload)?;
        if let Some(writer) = writer {
            return writer.store(letter).await;
        }
        if letter.dedupe_key.is_none() {
            let mut connection = pool.acquire().await.map_err(not_stored)?;
            return insert::<DB>(&mut connection, names, letter).await.map_err(not_stored);
        }
        let mut transaction = DB::begin(pool).await.map_err(not_stored)?;
        let stored = insert::<DB>(&mut transaction, names, letter).await.map_err(not_stored)?;
        transaction.commit().await.map_err(not_stored)?;
        Ok(stored)
    }
}

impl<DB: Backend> DeadLetterStore for LetterStore<DB> {
    fn store<'a>(&'a self, letter: &'a Letter) -> StoreFuture<'a, Stored> {
        Box::pin(self.store_now(letter))
    }
}

impl<DB: Backend> Clone for LetterStore<DB> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<DB: Backend> fmt::Debug for LetterStore<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LetterStore")
            .field("database", &DB::NAME)
            .field("table", &self.inner.names.plain)
            .finish_non_exhaustive()
    }
}
