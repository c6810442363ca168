//! Errors of a real MariaDB, and their classification.

use resilience::sql::{SqlKind, condition, constraint, details};
use resilience::{Advice, Alert, Category, Classify, Sent};
use resilience_test_support::databases::{classified, code, mysql, until};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Error, Executor, MySqlConnection};

const CONFLICT: (&str, u16, Advice, Sent) = ("CONFLICT", 409, Advice::DoNotRetry, Sent::Maybe);
const INVALID: (&str, u16, Advice, Sent) =
    ("VALIDATION_ERROR", 422, Advice::DoNotRetry, Sent::Maybe);
const TIMEOUT: (&str, u16, Advice, Sent) = ("QUERY_TIMEOUT", 504, Advice::DoNotRetry, Sent::Maybe);
const LOCKED: (&str, u16, Advice, Sent) =
    ("LOCK_WAIT_TIMEOUT", 503, Advice::RetryTransaction, Sent::Maybe);
const INTERNAL: (&str, u16, Advice, Sent) =
    ("INTERNAL_ERROR", 500, Advice::DoNotRetry, Sent::Maybe);

async fn failure(session: &mut MySqlConnection, statement: &str) -> Error {
    session.execute(AssertSqlSafe(statement.to_owned())).await.expect_err(statement)
}

async fn execute(session: &mut MySqlConnection, statement: &str) {
    session.execute(AssertSqlSafe(statement.to_owned())).await.expect(statement);
}

async fn id(session: &mut MySqlConnection) -> i64 {
    sqlx::query_scalar("SELECT CAST(connection_id() AS signed)")
        .fetch_one(session)
        .await
        .expect("its id")
}

async fn count(session: &mut MySqlConnection, table: &str) -> i64 {
    let query = format!("SELECT count(*) FROM {table}");
    sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(session).await.expect("the rows")
}

async fn runs(watcher: &mut MySqlConnection, id: i64, part: &str) -> bool {
    let active = "SELECT count(*) FROM information_schema.processlist WHERE id = ? AND command <> 'Sleep' AND info LIKE ?";
    let found: i64 = sqlx::query_scalar(active)
        .bind(id)
        .bind(format!("%{part}%"))
        .fetch_one(watcher)
        .await
        .expect("the list");
    found == 1
}

async fn is_waiting_for_a_lock(watcher: &mut MySqlConnection, id: i64) -> bool {
    // The server refreshes the list at most ten times a second, and not while it is being read.
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    let waits = "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = ? AND trx_state = 'LOCK WAIT'";
    let found: i64 = sqlx::query_scalar(waits).bind(id).fetch_one(watcher).await.expect("the list");
    found == 1
}

async fn is_gone(watcher: &mut MySqlConnection, id: i64) -> bool {
    let there = "SELECT count(*) FROM information_schema.processlist WHERE id = ?";
    let found: i64 = sqlx::query_scalar(there).bind(id).fetch_one(watcher).await.expect("the list");
    found == 0
}

#[tokio::test]
async fn mysql_constraint_violations_have_code_kind_and_name() {
    let Some(db) = mysql().await else { return };
    let mut session = db.connect().await;
    execute(&mut session, "CREATE TABLE teams (id int PRIMARY KEY) ENGINE = InnoDB").await;
    execute(
        &mut session,
        "CREATE TABLE users (
             id int PRIMARY KEY,
             email varchar(99) NOT NULL,
             age int,
             team int,
             UNIQUE KEY one_email (email),
             CONSTRAINT grown_up CHECK (age >= 18),
             CONSTRAINT in_a_team FOREIGN KEY (team) REFERENCES teams (id)
         ) ENGINE = InnoDB",
    )
    .await;
    execute(&mut session, "INSERT INTO teams VALUES (1)").await;
    execute(&mut session, "INSERT INTO users VALUES (1, 'ada@secret.example', 20, 1)").await;

    let table = [
        (
            "(2, 'ada@secret.example', 20, 1)",
            "1062",
            CONFLICT,
            SqlKind::UniqueViolation,
            Some("one_email"),
        ),
        ("(1, 'b', 20, 1)", "1062", CONFLICT, SqlKind::UniqueViolation, Some("PRIMARY")),
        ("(2, 'b', 20, 7)", "1452", INVALID, SqlKind::ForeignKeyViolation, Some("in_a_team")),
        ("(2, 'b', 3, 1)", "4025", INVALID, SqlKind::CheckViolation, Some("grown_up")),
        ("(2, NULL, 20, 1)", "1048", INVALID, SqlKind::NotNullViolation, None),
    ];
    for (row, number, expected, kind, name) in table {
        let error = failure(&mut session, &format!("INSERT INTO users VALUES {row}")).await;
        assert_eq!((code(&error).as_str(), classified(&error)), (number, expected), "{row}");
        assert_eq!(condition(&error).map(|is| is.kind()), Some(kind), "{row}");
        let found = constraint(&error).map(|name| name.rsplit('.').next().unwrap_or(name));
        assert_eq!(found, name, "{row}: {error}");
        assert!(!error.public_message().contains("secret"), "{row}");
        assert!(!format!("{:?}", details(&error)).contains("secret"), "{row}");
    }
    let error = failure(&mut session, "DELETE FROM teams").await;
    assert_eq!((code(&error).as_str(), classified(&error)), ("1451", INVALID));
    assert_eq!(constraint(&error), Some("in_a_team"));
    let error = failure(&mut session, "INSERT INTO users (id) VALUES (2)").await;
    assert_eq!((code(&error).as_str(), classified(&error)), ("1364", INVALID));
}

#[tokio::test]
async fn mysql_deadlock_rolls_back_the_whole_transaction() {
    let Some(db) = mysql().await else { return };
    let (mut first, mut second, mut watcher) =
        (db.connect().await, db.connect().await, db.connect().await);
    execute(&mut first, "CREATE TABLE t (id int PRIMARY KEY, n int) ENGINE = InnoDB").await;
    execute(&mut first, "CREATE TABLE log (n int) ENGINE = InnoDB").await;
    execute(&mut first, "INSERT INTO t VALUES (1, 0), (2, 0)").await;
    for (session, row) in [(&mut first, 1), (&mut second, 2)] {
        execute(session, "BEGIN").await;
        execute(session, "INSERT INTO log VALUES (1)").await;
        execute(session, &format!("UPDATE t SET n = 1 WHERE id = {row}")).await;
    }
    let waiting = id(&mut first).await;
    let (one, other) = tokio::join!(first.execute("UPDATE t SET n = 1 WHERE id = 2"), async {
        until(async || is_waiting_for_a_lock(&mut watcher, waiting).await).await;
        second.execute("UPDATE t SET n = 1 WHERE id = 1").await
    });
    assert_ne!(one.is_ok(), other.is_ok(), "one loses");
    let error = one.and(other).unwrap_err();
    assert_eq!(code(&error), "1213");
    assert_eq!(classified(&error), ("DEADLOCK", 503, Advice::RetryTransactionOnce, Sent::Maybe));
    assert!(!error.classify().is_retryable(), "not the statement");

    execute(&mut first, "COMMIT").await;
    execute(&mut second, "COMMIT").await;
    assert_eq!(count(&mut watcher, "log").await, 1, "of the loser nothing is left to commit");
}

#[tokio::test]
async fn mysql_lock_timeout_rolls_back_the_statement_only() {
    let Some(db) = mysql().await else { return };
    let (mut holder, mut session) = (db.connect().await, db.connect().await);
    execute(&mut holder, "CREATE TABLE t (id int PRIMARY KEY, n int) ENGINE = InnoDB").await;
    execute(&mut holder, "CREATE TABLE log (n int) ENGINE = InnoDB").await;
    execute(&mut holder, "INSERT INTO t VALUES (1, 0)").await;
    execute(&mut holder, "BEGIN").await;
    execute(&mut holder, "UPDATE t SET n = 1").await;

    execute(&mut session, "SET innodb_lock_wait_timeout = 1").await;
    execute(&mut session, "BEGIN").await;
    execute(&mut session, "INSERT INTO log VALUES (1)").await;
    for statement in ["UPDATE t SET n = 2", "SELECT * FROM t FOR UPDATE NOWAIT"] {
        let error = failure(&mut session, statement).await;
        assert_eq!((code(&error).as_str(), classified(&error)), ("1205", LOCKED), "{statement}");
        assert!(!error.classify().is_retryable(), "not the statement");
    }
    execute(&mut session, "COMMIT").await;
    assert_eq!(
        count(&mut session, "log").await,
        1,
        "the transaction was still there, with its first half"
    );
}

#[tokio::test]
async fn mysql_write_to_a_changed_row_is_a_serialization_failure() {
    let Some(db) = mysql().await else { return };
    let (mut first, mut second) = (db.connect().await, db.connect().await);
    if second.execute("SET innodb_snapshot_isolation = ON").await.is_err() {
        return resilience_test_support::databases::print_skipped(
            "a MariaDB with snapshot isolation",
        );
    }
    execute(&mut first, "CREATE TABLE t (id int PRIMARY KEY, n int) ENGINE = InnoDB").await;
    execute(&mut first, "INSERT INTO t VALUES (1, 0)").await;
    execute(&mut second, "START TRANSACTION WITH CONSISTENT SNAPSHOT").await;
    execute(&mut first, "UPDATE t SET n = 1").await;
    let error = failure(&mut second, "UPDATE t SET n = 2").await;
    assert_eq!(code(&error), "1020");
    assert_eq!(
        classified(&error),
        ("SERIALIZATION_FAILURE", 503, Advice::RetryTransaction, Sent::Maybe)
    );
}

#[tokio::test]
async fn mysql_statement_timeout_and_kill_query_are_query_timeouts() {
    let Some(db) = mysql().await else { return };
    let (mut session, mut operator) = (db.connect().await, db.connect().await);
    execute(&mut session, "SET max_statement_time = 0.05").await;
    let timed_out = failure(&mut session, "SELECT sleep(60)").await;
    assert_eq!((code(&timed_out).as_str(), classified(&timed_out)), ("1969", TIMEOUT));
    execute(&mut session, "SET max_statement_time = 0").await;

    let victim = id(&mut session).await;
    let (canceled, ()) = tokio::join!(failure(&mut session, "SELECT sleep(60)"), async {
        until(async || runs(&mut operator, victim, "sleep").await).await;
        execute(&mut operator, &format!("KILL QUERY {victim}")).await;
    });
    assert_eq!((code(&canceled).as_str(), classified(&canceled)), ("1317", TIMEOUT));
    execute(&mut session, "SELECT 1").await;
}

#[tokio::test]
async fn mysql_error_is_recognized_in_another_language() {
    let Some(db) = mysql().await else { return };
    let mut session = db.connect().await;
    execute(&mut session, "CREATE TABLE t (n int PRIMARY KEY)").await;
    execute(&mut session, "INSERT INTO t VALUES (1)").await;
    let english = failure(&mut session, "INSERT INTO t VALUES (1)").await;
    execute(&mut session, "SET lc_messages = 'de_DE'").await;
    let german = failure(&mut session, "INSERT INTO t VALUES (1)").await;
    assert_ne!(english.to_string(), german.to_string());
    assert_eq!((code(&german).as_str(), classified(&german)), ("1062", CONFLICT));
    execute(&mut session, "SET max_statement_time = 0.05").await;
    let error = failure(&mut session, "SELECT sleep(60)").await;
    assert_eq!((code(&error).as_str(), classified(&error)), ("1969", TIMEOUT));
}

#[tokio::test]
async fn mysql_killed_session_is_a_lost_connection() {
    let Some(db) = mysql().await else { return };
    let (mut session, mut operator) = (db.connect().await, db.connect().await);
    let victim = id(&mut session).await;
    let (error, ()) = tokio::join!(failure(&mut session, "SELECT sleep(60)"), async {
        until(async || runs(&mut operator, victim, "sleep").await).await;
        execute(&mut operator, &format!("KILL {victim}")).await;
    });
    assert_eq!((classified(&error).0, classified(&error).1), ("CONNECTION_LOST", 503), "{error:?}");
    let next = failure(&mut session, "SELECT 1").await;
    assert!(matches!(next, Error::Io(_)), "{next:?}");
    assert_eq!(classified(&next).0, "CONNECTION_LOST", "{next:?}");

    let mut idle = db.connect().await;
    let victim = id(&mut idle).await;
    execute(&mut operator, &format!("KILL {victim}")).await;
    until(async || is_gone(&mut operator, victim).await).await;
    let error = failure(&mut idle, "SELECT 1").await;
    assert_eq!(classified(&error).0, "CONNECTION_LOST", "{error:?}");
    assert!(error.classify().is_retryable());
}

#[tokio::test]
async fn mysql_idle_session_timeout_is_a_lost_connection() {
    let Some(db) = mysql().await else { return };
    let (mut session, mut watcher) = (db.connect().await, db.connect().await);
    let idle = id(&mut session).await;
    execute(&mut session, "SET wait_timeout = 1").await;
    until(async || is_gone(&mut watcher, idle).await).await;
    let error = failure(&mut session, "SELECT 1").await;
    assert_eq!((classified(&error).0, classified(&error).1), ("CONNECTION_LOST", 503), "{error:?}");
}

#[tokio::test]
async fn mysql_rejected_login_is_fatal_and_never_a_client_error() {
    let Some(db) = mysql().await else { return };
    for (options, number, expected) in [
        (db.options.clone().password("wrong"), "1045", "DATABASE_AUTH_FAILED"),
        (db.options.clone().username("nobody_here"), "1045", "DATABASE_AUTH_FAILED"),
        (db.options.clone().database("not_there"), "1049", "DATABASE_MISSING"),
    ] {
        let error = options.connect().await.expect_err(expected);
        assert_eq!(code(&error), number);
        let is = error.classify();
        assert_eq!((is.category(), is.code(), is.status()), (Some(Category::Fatal), expected, 500));
        assert_eq!((is.alert(), is.sent()), (Alert::AtOnce, Sent::Never));
    }
}

#[tokio::test]
async fn mysql_invalid_values_and_statements_are_classified() {
    let Some(db) = mysql().await else { return };
    let mut session = db.connect().await;
    execute(&mut session, "CREATE TABLE t (n tinyint, s varchar(3)) ENGINE = InnoDB").await;
    for (statement, number, expected) in [
        ("INSERT INTO t VALUES ('x', '')", "1366", INVALID),
        ("INSERT INTO t VALUES (999, '')", "1264", INVALID),
        ("INSERT INTO t VALUES (1, 'long')", "1406", INVALID),
        ("SELEKT", "1064", INTERNAL),
        ("SELECT * FROM nowhere", "1146", INTERNAL),
    ] {
        let error = failure(&mut session, statement).await;
        assert_eq!((code(&error).as_str(), classified(&error)), (number, expected), "{statement}");
    }
    let mut tx = session.begin().await.unwrap();
    let _swallowed = tx.execute("SELEKT").await.unwrap_err();
    tx.execute("INSERT INTO t VALUES (1, '')").await.expect("only the statement had failed");
    tx.commit().await.unwrap();
    assert_eq!(count(&mut session, "t").await, 1);
}

/// The columns have room for the values, but the row hasn't.
#[tokio::test]
async fn mysql_row_that_is_too_long_is_invalid() {
    let Some(db) = mysql().await else { return };
    let mut session = db.options.connect().await.unwrap();
    let columns: Vec<_> = (0..12).map(|number| format!("c{number} TEXT")).collect();
    let create = format!("CREATE TABLE wide ({}) ROW_FORMAT = COMPACT", columns.join(", "));
    execute(&mut session, "SET innodb_strict_mode = OFF").await;
    execute(&mut session, &create).await;
    let values = ["repeat('x', 2000)"; 12].join(", ");
    let error = failure(&mut session, &format!("INSERT INTO wide VALUES ({values})")).await;
    assert_eq!((code(&error).as_str(), classified(&error)), ("1118", INVALID));
}
