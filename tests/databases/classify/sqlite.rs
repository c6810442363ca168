//! Errors of a real SQLite, and their classification.

use resilience::sql::{SqlKind, condition, constraint};
use resilience::{Advice, Alert, Category, Classify, Sent};
use resilience_test_support::databases::{Scratch, classified, code};
use sqlx::error::ErrorKind;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Error, Executor, SqliteConnection};

const CONFLICT: (&str, u16, Advice, Sent) = ("CONFLICT", 409, Advice::DoNotRetry, Sent::Maybe);
const INVALID: (&str, u16, Advice, Sent) =
    ("VALIDATION_ERROR", 422, Advice::DoNotRetry, Sent::Maybe);
const LOCKED: (&str, u16, Advice, Sent) =
    ("LOCK_TIMEOUT", 503, Advice::RetryCallOrTransaction, Sent::Maybe);
const NOT_SERIALIZED: (&str, u16, Advice, Sent) =
    ("SERIALIZATION_FAILURE", 503, Advice::RetryTransaction, Sent::Maybe);

async fn open(options: &SqliteConnectOptions) -> SqliteConnection {
    options.connect().await.expect("a session")
}

async fn memory() -> SqliteConnection {
    open(&SqliteConnectOptions::new().in_memory(true)).await
}

async fn failure(session: &mut SqliteConnection, statement: &str) -> Error {
    session.execute(AssertSqlSafe(statement.to_owned())).await.expect_err(statement)
}

async fn execute(session: &mut SqliteConnection, statement: &str) {
    session.execute(AssertSqlSafe(statement.to_owned())).await.expect(statement);
}

#[tokio::test]
async fn sqlite_constraint_violations_have_code_kind_and_name() {
    let mut session = memory().await;
    execute(
        &mut session,
        "CREATE TABLE teams (id INTEGER PRIMARY KEY);
         CREATE TABLE users (
             id TEXT PRIMARY KEY,
             email TEXT NOT NULL UNIQUE,
             age INTEGER CONSTRAINT grown_up CHECK (age >= 18),
             team INTEGER REFERENCES teams
         );
         CREATE TABLE notes (text TEXT);
         INSERT INTO teams VALUES (1);
         INSERT INTO users VALUES ('1', 'ada@secret.example', 20, 1);
         INSERT INTO notes (rowid, text) VALUES (1, 'a')",
    )
    .await;
    for (statement, number, expected, kind, name) in [
        (
            "INSERT INTO users VALUES ('2', 'ada@secret.example', 20, 1)",
            "2067",
            CONFLICT,
            SqlKind::UniqueViolation,
            Some("users.email"),
        ),
        (
            "INSERT INTO users VALUES ('1', 'b', 20, 1)",
            "1555",
            CONFLICT,
            SqlKind::UniqueViolation,
            Some("users.id"),
        ),
        (
            "INSERT INTO notes (rowid, text) VALUES (1, 'b')",
            "2579",
            CONFLICT,
            SqlKind::UniqueViolation,
            Some("notes.rowid"),
        ),
        (
            "INSERT INTO users VALUES ('2', 'b', 20, 7)",
            "787",
            INVALID,
            SqlKind::ForeignKeyViolation,
            None,
        ),
        ("DELETE FROM teams", "787", INVALID, SqlKind::ForeignKeyViolation, None),
        (
            "INSERT INTO users VALUES ('2', 'b', 3, 1)",
            "275",
            INVALID,
            SqlKind::CheckViolation,
            Some("grown_up"),
        ),
        (
            "INSERT INTO users VALUES ('2', NULL, 20, 1)",
            "1299",
            INVALID,
            SqlKind::NotNullViolation,
            Some("users.email"),
        ),
        ("INSERT INTO teams VALUES ('x')", "20", INVALID, SqlKind::InvalidValue, None),
    ] {
        let error = failure(&mut session, statement).await;
        assert_eq!((code(&error).as_str(), classified(&error)), (number, expected), "{statement}");
        assert_eq!(condition(&error).map(|is| is.kind()), Some(kind), "{statement}");
        assert_eq!(constraint(&error), name, "{statement}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let rowid = failure(&mut session, "INSERT INTO notes (rowid, text) VALUES (1, 'b')").await;
    assert_eq!(
        rowid.as_database_error().map(sqlx::error::DatabaseError::kind),
        Some(ErrorKind::Other),
        "SQLx's word"
    );
}

#[tokio::test]
async fn sqlite_deferred_constraint_fails_at_commit() {
    let mut session = memory().await;
    execute(
        &mut session,
        "CREATE TABLE teams (id INTEGER PRIMARY KEY);
         CREATE TABLE users (team INTEGER REFERENCES teams DEFERRABLE INITIALLY DEFERRED)",
    )
    .await;
    let mut tx = session.begin().await.unwrap();
    tx.execute("INSERT INTO users VALUES (7)").await.expect("not yet");
    let error = tx.commit().await.expect_err("at COMMIT");
    assert_eq!((code(&error).as_str(), classified(&error)), ("787", INVALID));
}

#[tokio::test]
async fn sqlite_held_lock_is_a_retryable_lock_timeout() {
    let scratch = Scratch::new();
    let (mut holder, mut session) =
        (open(&scratch.options()).await, open(&scratch.options()).await);
    execute(&mut holder, "CREATE TABLE t (n)").await;
    execute(&mut holder, "BEGIN IMMEDIATE; INSERT INTO t VALUES (1)").await;
    let error = failure(&mut session, "INSERT INTO t VALUES (2)").await;
    assert_eq!((code(&error).as_str(), classified(&error)), ("5", LOCKED));
    assert!(error.classify().is_retryable());
    execute(&mut holder, "COMMIT").await;
    execute(&mut session, "INSERT INTO t VALUES (2)").await;
}

#[tokio::test]
async fn sqlite_stale_snapshot_fails_until_the_transaction_is_repeated() {
    let scratch = Scratch::new();
    let options = scratch.options().journal_mode(SqliteJournalMode::Wal);
    let (mut other, mut session) = (open(&options).await, open(&options).await);
    execute(&mut other, "CREATE TABLE t (n); INSERT INTO t VALUES (1)").await;

    execute(&mut session, "BEGIN; SELECT * FROM t").await;
    execute(&mut other, "INSERT INTO t VALUES (2)").await;
    for _ in 0..100 {
        let error = failure(&mut session, "INSERT INTO t VALUES (3)").await;
        assert_eq!((code(&error).as_str(), classified(&error)), ("517", NOT_SERIALIZED));
        assert!(!error.classify().is_retryable(), "not the statement");
    }
    execute(&mut session, "ROLLBACK; BEGIN; SELECT * FROM t; INSERT INTO t VALUES (3); COMMIT")
        .await;
}

#[tokio::test]
async fn sqlite_interrupted_statement_is_a_query_timeout() {
    let mut session = memory().await;
    session.lock_handle().await.unwrap().set_progress_handler(1000, || false);
    let endless =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
    let error = failure(&mut session, endless).await;
    assert_eq!(code(&error), "9");
    assert_eq!(classified(&error), ("QUERY_TIMEOUT", 504, Advice::DoNotRetry, Sent::Maybe));
}

#[tokio::test]
async fn sqlite_write_to_a_read_only_database_is_rejected() {
    let scratch = Scratch::new();
    execute(&mut open(&scratch.options()).await, "CREATE TABLE t (n)").await;
    let mut session = open(&scratch.options().create_if_missing(false).read_only(true)).await;
    let error = failure(&mut session, "INSERT INTO t VALUES (1)").await;
    assert_eq!(code(&error), "8");
    assert_eq!(
        (classified(&error).0, classified(&error).1, classified(&error).2),
        ("STORAGE_READ_ONLY", 500, Advice::DoNotRetry)
    );
}

#[tokio::test]
async fn sqlite_missing_file_is_fatal() {
    let scratch = Scratch::new();
    let error = scratch.options().create_if_missing(false).connect().await.unwrap_err();
    assert_eq!(code(&error), "14");
    let is = error.classify();
    assert_eq!(
        (is.category(), is.code(), is.status()),
        (Some(Category::Fatal), "DATABASE_MISSING", 500)
    );
    assert_eq!((is.alert(), is.sent()), (Alert::AtOnce, Sent::Never));
}

#[tokio::test]
async fn sqlite_full_database_is_fatal() {
    let scratch = Scratch::new();
    let mut session = open(&scratch.options()).await;
    execute(&mut session, "CREATE TABLE t (b); PRAGMA max_page_count = 4").await;
    let error = failure(&mut session, "INSERT INTO t VALUES (zeroblob(100000))").await;
    assert_eq!(code(&error), "13");
    let is = error.classify();
    assert_eq!(
        (is.category(), is.code(), is.status()),
        (Some(Category::Fatal), "STORAGE_FULL", 500)
    );
    assert_eq!(is.alert(), Alert::AtOnce);
}

#[tokio::test]
async fn sqlite_foreign_or_damaged_file_is_corrupt_state() {
    let scratch = Scratch::new();
    let file = scratch.path().join("database");
    std::fs::write(&file, "no database at all, and long enough to be asked. ".repeat(100)).unwrap();
    let error = match scratch.options().connect().await {
        Ok(mut session) => failure(&mut session, "SELECT * FROM sqlite_schema").await,
        Err(error) => error,
    };
    assert_eq!((code(&error).as_str(), classified(&error).0), ("26", "CORRUPT_STATE"));
    assert_eq!(error.classify().category(), Some(Category::Fatal));

    let scratch = Scratch::new();
    let file = scratch.path().join("database");
    let mut session = open(&scratch.options()).await;
    execute(&mut session, "CREATE TABLE t (n); INSERT INTO t VALUES (zeroblob(9000))").await;
    session.close().await.unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    // The second page, where the table begins; the first holds the schema.
    bytes[4096..8192].fill(0xA5);
    std::fs::write(&file, bytes).unwrap();
    let error = failure(&mut open(&scratch.options()).await, "SELECT * FROM t").await;
    assert_eq!((code(&error).as_str(), classified(&error).0), ("11", "CORRUPT_STATE"));
    assert_eq!(error.classify().category(), Some(Category::Fatal));
}

#[tokio::test]
async fn sqlite_invalid_statement_is_an_internal_error() {
    let mut session = memory().await;
    for statement in ["SELEKT", "SELECT * FROM nowhere"] {
        let error = failure(&mut session, statement).await;
        assert_eq!(
            classified(&error),
            ("INTERNAL_ERROR", 500, Advice::DoNotRetry, Sent::Maybe),
            "{statement}"
        );
    }
}
