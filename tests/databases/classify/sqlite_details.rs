//! What `details` and `constraint` find in real errors of SQLite.

use resilience::sql::{self, SqlKind};
use resilience::{Advice, Category, Classify};
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Connection as _, Error, SqliteConnection, SqlitePool};

const SCHEMA: &str = "
    PRAGMA foreign_keys = ON;
    CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, age INTEGER CONSTRAINT adult CHECK (age > 17));
    CREATE TABLE orders (user INTEGER NOT NULL REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED);
    CREATE TABLE plain (value) ;
    CREATE TABLE strict_one (number INTEGER) STRICT;
    CREATE TRIGGER guard BEFORE DELETE ON users BEGIN SELECT RAISE(ABORT, 'users stay'); END;
    INSERT INTO users (id, email, age) VALUES (1, 'ada@example.org', 36);
    INSERT INTO plain (rowid, value) VALUES (1, 1);
";

async fn failure(statement: &'static str) -> Error {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    sqlx::raw_sql(SCHEMA).execute(&mut connection).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap_err()
}

#[tokio::test]
async fn sqlite_details_have_kind_code_and_constraint() {
    let table = [
        (
            "INSERT INTO users VALUES (2, 'ada@example.org', 20)",
            SqlKind::UniqueViolation,
            "2067",
            Some("users.email"),
        ),
        (
            "INSERT INTO users VALUES (1, 'b@example.org', 20)",
            SqlKind::UniqueViolation,
            "1555",
            Some("users.id"),
        ),
        (
            "INSERT INTO plain (rowid) VALUES (1)",
            SqlKind::UniqueViolation,
            "2579",
            Some("plain.rowid"),
        ),
        (
            "INSERT INTO users VALUES (2, 'b@example.org', 7)",
            SqlKind::CheckViolation,
            "275",
            Some("adult"),
        ),
        (
            "INSERT INTO users VALUES (2, NULL, 20)",
            SqlKind::NotNullViolation,
            "1299",
            Some("users.email"),
        ),
        ("INSERT INTO orders VALUES (99)", SqlKind::ForeignKeyViolation, "787", None),
        (
            "BEGIN; INSERT INTO orders VALUES (99); COMMIT",
            SqlKind::ForeignKeyViolation,
            "787",
            None,
        ),
        ("DELETE FROM users", SqlKind::Raised, "1811", None),
        ("INSERT INTO strict_one VALUES ('x')", SqlKind::InvalidValue, "3091", None),
        ("INSERT INTO users (id) VALUES ('x')", SqlKind::InvalidValue, "20", None),
        ("SELEC 1", SqlKind::InvalidStatement, "1", None),
    ];
    for (statement, kind, code, constraint) in table {
        let error = failure(statement).await;
        let details = sql::details(&error).unwrap();
        let condition = details.condition().unwrap_or_else(|| panic!("{statement}: {error:?}"));
        assert_eq!(condition.kind(), kind, "{statement}: {error:?}");
        assert_eq!(
            (details.system(), details.code().as_deref()),
            (Some("sqlite"), Some(code)),
            "{statement}"
        );
        assert_eq!(sql::constraint(&error), constraint, "{statement}");
        assert_eq!(error.classify(), kind.classification(), "{statement}");
        // The next error in the chain is the same one.
        let below = error.evidence().chain().nth(1).unwrap();
        assert_eq!(sql::details(below).unwrap().condition(), Some(condition), "{statement}");
    }
}

#[tokio::test]
async fn sqlite_details_hold_no_value_of_a_row() {
    for statement in [
        "INSERT INTO users VALUES (2, 'ada@example.org', 20)",
        "INSERT INTO users VALUES (2, 'secret@example.org', 7)",
    ] {
        let error = failure(statement).await;
        let details = format!("{:?}", sql::details(&error).unwrap());
        assert!(!details.contains("example.org"), "{details}");
        assert!(
            !sql::details(&error).unwrap().message_has_values()
                && !error.to_string().contains("example.org")
        );
    }
}

#[tokio::test]
async fn sqlite_missing_database_is_fatal() {
    let missing = SqliteConnection::connect("sqlite:///does/not/exist.db").await.unwrap_err();
    assert_eq!(sql::condition(&missing).unwrap().kind(), SqlKind::DatabaseMissing);
    assert_eq!(
        (missing.classify().category(), missing.classify().status()),
        (Some(Category::Fatal), 500)
    );
}

#[tokio::test]
async fn full_pool_is_exhausted_and_closed_pool_is_not_retried() {
    let options = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(std::time::Duration::from_millis(20));
    let pool: SqlitePool =
        options.connect_with(SqliteConnectOptions::new().in_memory(true)).await.unwrap();
    let held = pool.acquire().await.unwrap();
    let full = pool.acquire().await.unwrap_err();
    assert_eq!((full.classify().code(), full.classify().status()), ("POOL_EXHAUSTED", 503));
    drop(held);
    pool.close().await;
    let closed = pool.acquire().await.unwrap_err().classify();
    assert_eq!((closed.code(), closed.advice()), ("POOL_CLOSED", Advice::DoNotRetry));
}

#[tokio::test]
async fn failed_migration_is_classified_by_its_cause() {
    let failed = |inner| Error::from(MigrateError::ExecuteMigration(inner, 7));
    let unique = failed(failure("INSERT INTO users VALUES (2, 'ada@example.org', 20)").await);
    assert_eq!(unique.classify().code(), "CONFLICT");
    assert_eq!(sql::constraint(&unique), Some("users.email"));
    assert_eq!(failed(Error::PoolTimedOut).classify().code(), "POOL_EXHAUSTED");
    let nested = (0..100).fold(Error::PoolTimedOut, |inner, _| failed(inner));
    assert_eq!(nested.classify().code(), "POOL_EXHAUSTED");
    let changed = Error::from(MigrateError::VersionMismatch(7)).classify();
    assert_eq!(
        (changed.code(), changed.status(), changed.is_retryable()),
        ("MIGRATION_FAILED", 500, false)
    );
}
