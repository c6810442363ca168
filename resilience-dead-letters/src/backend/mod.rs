//! What differs between the databases.

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::borrow::Cow;

use sqlx::{Database, Error, Pool, Transaction};

/// A database that letters can be kept in: `sqlx::Sqlite`, `sqlx::Postgres` or `sqlx::MySql`, each
/// with the feature of that name.
///
/// This trait is sealed.
pub trait Backend: Database + Dialect {}

/// The queries that [`Backend`] hides.
#[doc(hidden)]
pub trait Dialect: Database {
    /// The current time by the database's clock. Another time than that of the transaction's
    /// beginning, which may be long ago.
    const NOW: &'static str;
    /// The quotation mark around names.
    const QUOTE: char;
    /// Follows a `SELECT` that takes letters no other worker has.
    const SKIP_LOCKED: &'static str;
    /// Whether one task writes for all, because the database has only one writer at a time.
    const ONE_WRITER: bool;
    /// The statements of each version of the schema.
    const MIGRATIONS: &'static [&'static [&'static str]];
    /// Whether `INSERT` takes `ON CONFLICT … RETURNING`.
    const RETURNING: bool;

    /// The n-th placeholder, for a value of this kind.
    fn placeholder(number: usize, input: Input) -> Cow<'static, str>;

    /// An expression for a column as it is read: ids and JSON as text, times as microseconds.
    fn output(column: &str, output: Output) -> String;

    /// The time so many microseconds after now.
    fn now_plus(micros: i64) -> String;

    /// How to connect to this URL.
    fn connect(
        url: &str,
        max_connections: u32,
    ) -> impl Future<Output = Result<Pool<Self>, Error>> + Send;

    /// Begins a transaction that writes.
    fn begin(
        pool: &Pool<Self>,
    ) -> impl Future<Output = Result<Transaction<'static, Self>, Error>> + Send;

    /// Takes the lock that one process holds while it migrates. It is released with the
    /// transaction, or by [`unlock`](Self::unlock).
    fn lock(
        connection: &mut Self::Connection,
        table: &str,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Releases it, where the end of the transaction doesn't.
    fn unlock(
        connection: &mut Self::Connection,
        table: &str,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// The longest payload that the server takes, if it has a limit of its own.
    fn max_payload(
        connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<Option<u64>, Error>> + Send;

    /// Runs a statement, and returns the number of rows that it changed.
    fn execute(
        connection: &mut Self::Connection,
        sql: String,
        values: Vec<Value<'_>>,
    ) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Runs a query, and reads each row's columns as these kinds.
    fn fetch(
        connection: &mut Self::Connection,
        sql: String,
        values: Vec<Value<'_>>,
        kinds: &[Kind],
    ) -> impl Future<Output = Result<Vec<Vec<Value<'static>>>, Error>> + Send;
}

/// A value, or NULL.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub enum Value<'a> {
    Int(Option<i64>),
    Text(Option<Cow<'a, str>>),
    Bytes(Option<Cow<'a, [u8]>>),
}

/// What a column is read as.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Int,
    Text,
    Bytes,
}

/// What a placeholder is for.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub enum Input {
    Plain,
    Id,
    Time,
    Json,
}

/// What a column holds.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub enum Output {
    Plain,
    Id,
    Time,
    Json,
    /// Text that is compared byte by byte.
    Key,
}

/// The two methods that read the same for all, though no bound on `Database` says so.
macro_rules! queries {
    () => {
        async fn execute(
            connection: &mut Self::Connection,
            sql: String,
            values: Vec<Value<'_>>,
        ) -> Result<u64, sqlx::Error> {
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
            for value in values {
                query = match value {
                    Value::Int(value) => query.bind(value),
                    Value::Text(value) => query.bind(value.as_deref()),
                    Value::Bytes(value) => query.bind(value.as_deref()),
                };
            }
            Ok(query.execute(connection).await?.rows_affected())
        }

        async fn fetch(
            connection: &mut Self::Connection,
            sql: String,
            values: Vec<Value<'_>>,
            kinds: &[Kind],
        ) -> Result<Vec<Vec<Value<'static>>>, sqlx::Error> {
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
            for value in values {
                query = match value {
                    Value::Int(value) => query.bind(value),
                    Value::Text(value) => query.bind(value.as_deref()),
                    Value::Bytes(value) => query.bind(value.as_deref()),
                };
            }
            let rows = query.fetch_all(connection).await?;
            let read = |row: &<Self as sqlx::Database>::Row| {
                let columns = kinds.iter().enumerate().map(|(index, kind)| {
                    Ok(match kind {
                        Kind::Int => Value::Int(sqlx::Row::try_get(row, index)?),
                        Kind::Text => Value::Text(
                            sqlx::Row::try_get::<Option<String>, _>(row, index)?.map(Cow::Owned),
                        ),
                        Kind::Bytes => Value::Bytes(
                            sqlx::Row::try_get::<Option<Vec<u8>>, _>(row, index)?.map(Cow::Owned),
                        ),
                    })
                });
                columns.collect()
            };
            rows.iter().map(read).collect()
        }
    };
}

#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
use queries;
