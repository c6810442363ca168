//! Errors of a real PostgreSQL, and their classification.

use resilience::sql::{SqlKind, condition, constraint, details};
use resilience::{Advice, Alert, Category, Classify, Sent, Severity};
use resilience_test_support::databases::{
    Private, classified, code, postgres, print_skipped, until,
};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Error, Executor, PgConnection};

const CONFLICT: (&str, u16, Advice, Sent) = ("CONFLICT", 409, Advice::DoNotRetry, Sent::Maybe);
const INVALID: (&str, u16, Advice, Sent) =
    ("VALIDATION_ERROR", 422, Advice::DoNotRetry, Sent::Maybe);
const TIMEOUT: (&str, u16, Advice, Sent) = ("QUERY_TIMEOUT", 504, Advice::DoNotRetry, Sent::Maybe);
const LOST: (&str, u16, Advice, Sent) = ("CONNECTION_LOST", 503, Advice::Retry, Sent::Maybe);
const LOCKED: (&str, u16, Advice, Sent) =
    ("LOCK_TIMEOUT", 503, Advice::RetryCallOrTransaction, Sent::Maybe);
const NOT_SERIALIZED: (&str, u16, Advice, Sent) =
    ("SERIALIZATION_FAILURE", 503, Advice::RetryTransaction, Sent::Maybe);

async fn failure(session: &mut PgConnection, statement: &str) -> Error {
    session.execute(AssertSqlSafe(statement.to_owned())).await.expect_err(statement)
}

async fn execute(session: &mut PgConnection, statement: &str) {
    session.execute(AssertSqlSafe(statement.to_owned())).await.expect(statement);
}

async fn pid(session: &mut PgConnection) -> i32 {
    sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(session).await.expect("its id")
}

async fn is_waiting_for_a_lock(watcher: &mut PgConnection, pid: i32) -> bool {
    let waits = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE pid = $1 AND NOT granted)";
    sqlx::query_scalar(waits).bind(pid).fetch_one(watcher).await.expect("the locks")
}

async fn runs(watcher: &mut PgConnection, pid: i32, part: &str) -> bool {
    let active = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND state = 'active' AND query LIKE $2)";
    sqlx::query_scalar(active)
        .bind(pid)
        .bind(format!("%{part}%"))
        .fetch_one(watcher)
        .await
        .expect("the activity")
}

async fn is_gone(watcher: &mut PgConnection, pid: i32) -> bool {
    let there = "SELECT NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = $1)";
    sqlx::query_scalar(there).bind(pid).fetch_one(watcher).await.expect("the activity")
}

#[tokio::test]
async fn postgres_constraint_violations_have_code_kind_and_name() {
    let Some(db) = postgres().await else { return };
    let mut session = db.connect().await;
    execute(
        &mut session,
        "CREATE TABLE teams (id int PRIMARY KEY);
         CREATE TABLE users (
             id int PRIMARY KEY,
             email text NOT NULL CONSTRAINT one_email UNIQUE,
             age int CONSTRAINT grown_up CHECK (age >= 18),
             team int CONSTRAINT in_a_team REFERENCES teams,
             leads int CONSTRAINT leads_a_team REFERENCES teams ON DELETE RESTRICT,
             away int4range,
             CONSTRAINT one_at_a_time EXCLUDE USING gist (away WITH &&)
         );
         INSERT INTO teams VALUES (1), (2);
         INSERT INTO users VALUES (1, 'ada@secret.example', 20, 1, 2, '[1,5)')",
    )
    .await;

    for (statement, states, expected, kind, name) in [
        (
            "INSERT INTO users VALUES (2, 'ada@secret.example')",
            &["23505"][..],
            CONFLICT,
            SqlKind::UniqueViolation,
            Some("one_email"),
        ),
        (
            "INSERT INTO users VALUES (2, 'b', 20, 1, 1, '[4,9)')",
            &["23P01"],
            CONFLICT,
            SqlKind::ExclusionViolation,
            Some("one_at_a_time"),
        ),
        (
            "INSERT INTO users VALUES (2, 'b', 20, 7)",
            &["23503"],
            INVALID,
            SqlKind::ForeignKeyViolation,
            Some("in_a_team"),
        ),
        (
            "DELETE FROM teams WHERE id = 1",
            &["23503"],
            INVALID,
            SqlKind::ForeignKeyViolation,
            Some("in_a_team"),
        ),
        // 23001 since version 18.
        (
            "DELETE FROM teams WHERE id = 2",
            &["23503", "23001"],
            INVALID,
            SqlKind::ForeignKeyViolation,
            Some("leads_a_team"),
        ),
        (
            "DO $$ BEGIN RAISE restrict_violation; END $$",
            &["23001"],
            INVALID,
            SqlKind::ForeignKeyViolation,
            None,
        ),
        (
            "INSERT INTO users VALUES (2, 'b', 3)",
            &["23514"],
            INVALID,
            SqlKind::CheckViolation,
            Some("grown_up"),
        ),
        (
            "INSERT INTO users VALUES (2, NULL)",
            &["23502"],
            INVALID,
            SqlKind::NotNullViolation,
            None,
        ),
    ] {
        let error = failure(&mut session, statement).await;
        assert!(states.contains(&code(&error).as_str()), "{statement}: {error}");
        assert_eq!(classified(&error), expected, "{statement}");
        assert_eq!(condition(&error).map(|is| is.kind()), Some(kind), "{statement}");
        assert_eq!(constraint(&error), name, "{statement}");
        assert!(!error.public_message().contains("secret"), "{statement}");
    }
    // The value is in the detail, which is neither in the text nor in `details`.
    let error = failure(&mut session, "INSERT INTO users VALUES (2, 'ada@secret.example')").await;
    assert!(!error.to_string().contains("secret"), "{error}");
    assert!(!format!("{:?}", details(&error)).contains("secret"));
}

#[tokio::test]
async fn postgres_deferred_constraint_fails_at_commit() {
    let Some(db) = postgres().await else { return };
    let mut session = db.connect().await;
    execute(
        &mut session,
        "CREATE TABLE teams (id int PRIMARY KEY);
         CREATE TABLE users (id int, team int REFERENCES teams DEFERRABLE INITIALLY DEFERRED,
             CONSTRAINT one_id UNIQUE (id) DEFERRABLE INITIALLY DEFERRED)",
    )
    .await;

    let mut tx = session.begin().await.unwrap();
    tx.execute("INSERT INTO users VALUES (1, 7)").await.expect("not yet");
    let error = tx.commit().await.expect_err("at COMMIT");
    assert_eq!((code(&error).as_str(), classified(&error)), ("23503", INVALID));

    let mut tx = session.begin().await.unwrap();
    tx.execute("INSERT INTO users VALUES (1), (1)").await.expect("not yet");
    let error = tx.commit().await.expect_err("at COMMIT");
    assert_eq!((code(&error).as_str(), classified(&error)), ("23505", CONFLICT));
    assert_eq!(constraint(&error), Some("one_id"));
}

#[tokio::test]
async fn postgres_deadlock_aborts_the_transaction_of_one_session() {
    let Some(db) = postgres().await else { return };
    let (mut first, mut second, mut watcher) =
        (db.connect().await, db.connect().await, db.connect().await);
    execute(
        &mut first,
        "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 0), (2, 0)",
    )
    .await;
    for (session, row) in [(&mut first, 1), (&mut second, 2)] {
        execute(session, "BEGIN").await;
        execute(session, &format!("UPDATE t SET n = 1 WHERE id = {row}")).await;
    }
    let waiting = pid(&mut first).await;
    let (one, other) = tokio::join!(first.execute("UPDATE t SET n = 1 WHERE id = 2"), async {
        until(async || is_waiting_for_a_lock(&mut watcher, waiting).await).await;
        second.execute("UPDATE t SET n = 1 WHERE id = 1").await
    });

    assert_ne!(one.is_ok(), other.is_ok(), "one loses");
    let first_lost = one.is_err();
    let error = one.and(other).unwrap_err();
    assert_eq!(code(&error), "40P01");
    assert_eq!(classified(&error), ("DEADLOCK", 503, Advice::RetryTransactionOnce, Sent::Maybe));
    assert!(!error.classify().is_retryable(), "not the statement");
    let loser = if first_lost { &mut first } else { &mut second };
    assert_eq!(code(&failure(loser, "SELECT 1").await), "25P02");
}

#[tokio::test]
async fn postgres_serialization_failure_of_a_statement_is_classified() {
    let Some(db) = postgres().await else { return };
    let (mut first, mut second) = (db.connect().await, db.connect().await);
    execute(&mut first, "CREATE TABLE t (n int); INSERT INTO t VALUES (0)").await;
    execute(&mut second, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM t").await;
    execute(&mut first, "UPDATE t SET n = 1").await;
    let error = failure(&mut second, "UPDATE t SET n = 2").await;
    assert_eq!((code(&error).as_str(), classified(&error)), ("40001", NOT_SERIALIZED));
    assert!(!error.classify().is_retryable(), "not the statement");
}

#[tokio::test]
async fn postgres_serialization_failure_of_a_commit_is_classified() {
    let Some(db) = postgres().await else { return };
    let (mut first, mut second) = (db.connect().await, db.connect().await);
    execute(&mut first, "CREATE TABLE on_call (doctor int, yes bool); INSERT INTO on_call VALUES (1, true), (2, true)")
        .await;
    for (session, doctor) in [(&mut first, 1), (&mut second, 2)] {
        execute(
            session,
            "BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT count(*) FROM on_call WHERE yes",
        )
        .await;
        execute(session, &format!("UPDATE on_call SET yes = false WHERE doctor = {doctor}")).await;
    }
    execute(&mut first, "COMMIT").await;
    let error = failure(&mut second, "COMMIT").await;
    assert_eq!((code(&error).as_str(), classified(&error)), ("40001", NOT_SERIALIZED));
}

#[tokio::test]
async fn postgres_statement_timeout_and_cancel_are_query_timeouts() {
    let Some(db) = postgres().await else { return };
    timeout_and_cancel(&db.options, |_| true).await;
}

#[tokio::test]
async fn postgres_timeout_and_cancel_are_recognized_in_german() {
    // A server without German messages answers in English, which proves nothing.
    let german = [("LANGUAGE", "de"), ("LC_ALL", "C.UTF-8")];
    let Some(server) = Private::with_environment(
        "postgres",
        "PostgreSQL",
        &["-c", "lc_messages=C.UTF-8"],
        &german,
    )
    .await
    else {
        return;
    };
    let options: PgConnectOptions = server.url.parse().unwrap();
    let mut session = options.connect().await.unwrap();
    if failure(&mut session, "SELECT 1/0").await.to_string().contains("division by zero") {
        print_skipped("a PostgreSQL that speaks German");
    } else {
        timeout_and_cancel(&options, |message| !message.contains("canceling")).await;
    }
    server.end().await;
}

async fn timeout_and_cancel(options: &PgConnectOptions, as_expected: impl Fn(&str) -> bool) {
    let (mut session, mut operator) =
        (options.connect().await.unwrap(), options.connect().await.unwrap());
    execute(&mut session, "SET statement_timeout = '50ms'").await;
    let timed_out = failure(&mut session, "SELECT pg_sleep(60)").await;
    execute(&mut session, "SET statement_timeout = 0").await;

    let victim = pid(&mut session).await;
    let (canceled, ()) = tokio::join!(failure(&mut session, "SELECT pg_sleep(60)"), async {
        until(async || runs(&mut operator, victim, "pg_sleep").await).await;
        execute(&mut operator, &format!("SELECT pg_cancel_backend({victim})")).await;
    });
    for error in [&timed_out, &canceled] {
        assert_eq!((code(error).as_str(), classified(error)), ("57014", TIMEOUT));
        assert!(as_expected(&error.to_string()), "{error}");
    }
    assert_ne!(timed_out.to_string(), canceled.to_string(), "only the text differs");
    execute(&mut session, "SELECT 1").await;
}

#[tokio::test]
async fn postgres_held_lock_is_a_retryable_lock_timeout() {
    let Some(db) = postgres().await else { return };
    let (mut holder, mut session) = (db.connect().await, db.connect().await);
    execute(&mut holder, "CREATE TABLE t (n int); INSERT INTO t VALUES (0)").await;
    execute(&mut holder, "BEGIN; UPDATE t SET n = 1").await;
    execute(&mut session, "SET lock_timeout = '50ms'").await;
    for statement in ["SELECT * FROM t FOR UPDATE NOWAIT", "UPDATE t SET n = 2"] {
        let error = failure(&mut session, statement).await;
        assert_eq!((code(&error).as_str(), classified(&error)), ("55P03", LOCKED), "{statement}");
    }
    execute(&mut holder, "COMMIT").await;
    execute(&mut session, "UPDATE t SET n = 2").await;
}

#[tokio::test]
async fn postgres_killed_backend_is_a_lost_connection() {
    let Some(db) = postgres().await else { return };
    let (mut session, mut operator) = (db.connect().await, db.connect().await);
    let victim = pid(&mut session).await;
    let (error, ()) = tokio::join!(failure(&mut session, "SELECT pg_sleep(60)"), async {
        until(async || runs(&mut operator, victim, "pg_sleep").await).await;
        execute(&mut operator, &format!("SELECT pg_terminate_backend({victim})")).await;
    });
    assert_eq!((code(&error).as_str(), classified(&error)), ("57P01", LOST));

    let next = failure(&mut session, "SELECT 1").await;
    assert!(matches!(next, Error::Io(_)), "{next:?}");
    assert_eq!(classified(&next).0, "CONNECTION_LOST", "{next:?}");
    assert!(next.classify().is_retryable());
}

#[tokio::test]
async fn postgres_backend_killed_while_idle_is_a_lost_connection() {
    let Some(db) = postgres().await else { return };
    let (mut session, mut operator) = (db.connect().await, db.connect().await);
    let victim = pid(&mut session).await;
    execute(&mut operator, &format!("SELECT pg_terminate_backend({victim})")).await;
    until(async || is_gone(&mut operator, victim).await).await;
    let error = failure(&mut session, "SELECT 1").await;
    assert_eq!(classified(&error).0, "CONNECTION_LOST", "{error:?}");
    assert!(error.classify().is_retryable());
}

#[tokio::test]
async fn postgres_swallowed_error_leads_to_25p02_and_a_silent_rollback() {
    let Some(db) = postgres().await else { return };
    let mut session = db.connect().await;
    execute(&mut session, "CREATE TABLE t (n int PRIMARY KEY)").await;
    let mut tx = session.begin().await.unwrap();
    tx.execute("INSERT INTO t VALUES (1)").await.unwrap();
    let _swallowed = tx.execute("SELECT 1/0").await.unwrap_err();
    let error = tx.execute("INSERT INTO t VALUES (2)").await.unwrap_err();
    assert_eq!(code(&error), "25P02");
    assert_eq!(classified(&error), ("INTERNAL_ERROR", 500, Advice::DoNotRetry, Sent::Maybe));
    assert_eq!(condition(&error).map(|is| is.kind()), Some(SqlKind::InFailedTransaction));

    // PostgreSQL answers this COMMIT with ROLLBACK, and SQLx returns Ok.
    tx.commit().await.expect("SQLx reports success");
    let rows: i64 =
        sqlx::query_scalar("SELECT count(*) FROM t").fetch_one(&mut session).await.unwrap();
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn postgres_rejected_login_is_fatal_and_never_a_client_error() {
    let Some(db) = postgres().await else { return };
    for (options, states, expected) in [
        (db.options.clone().password("wrong"), "28P01", "DATABASE_AUTH_FAILED"),
        (db.options.clone().username("nobody_here"), "28P01", "DATABASE_AUTH_FAILED"),
        (db.options.clone().database("not_there"), "3D000", "DATABASE_MISSING"),
    ] {
        let error = options.connect().await.expect_err(expected);
        assert_eq!(code(&error), states);
        let is = error.classify();
        assert_eq!((is.category(), is.code(), is.status()), (Some(Category::Fatal), expected, 500));
        assert_eq!(
            (is.severity(), is.alert(), is.sent()),
            (Severity::Critical, Alert::AtOnce, Sent::Never)
        );
        assert_eq!(error.public_message(), "An internal error occurred");
    }
}

#[tokio::test]
async fn postgres_invalid_values_and_statements_are_classified() {
    let Some(db) = postgres().await else { return };
    let mut session = db.connect().await;
    execute(&mut session, "CREATE TABLE t (n smallint, s varchar(3)); CREATE TABLE hidden (n int)")
        .await;
    for (statement, state, expected) in [
        ("INSERT INTO t VALUES ('x')", "22P02", INVALID),
        ("INSERT INTO t VALUES (99999)", "22003", INVALID),
        ("INSERT INTO t VALUES (1, 'long')", "22001", INVALID),
        ("SELEKT", "42601", ("INTERNAL_ERROR", 500, Advice::DoNotRetry, Sent::Maybe)),
        (
            "SELECT * FROM nowhere",
            "42P01",
            ("INTERNAL_ERROR", 500, Advice::DoNotRetry, Sent::Maybe),
        ),
    ] {
        let error = failure(&mut session, statement).await;
        assert_eq!((code(&error).as_str(), classified(&error)), (state, expected), "{statement}");
    }
    let role = db.options.get_database().unwrap().to_owned();
    execute(&mut session, &format!("CREATE ROLE {role}; SET ROLE {role}")).await;
    let error = failure(&mut session, "SELECT * FROM hidden").await;
    assert_eq!((code(&error).as_str(), classified(&error).1), ("42501", 500), "never 403");
    execute(&mut session, "RESET ROLE; SET default_transaction_read_only = on").await;
    let error = failure(&mut session, "INSERT INTO t VALUES (1)").await;
    assert_eq!((code(&error).as_str(), classified(&error).0), ("25006", "READ_ONLY"));
}

#[tokio::test]
async fn postgres_idle_transaction_timeout_is_a_query_timeout() {
    let Some(db) = postgres().await else { return };
    let (mut session, mut watcher) = (db.connect().await, db.connect().await);
    let victim = pid(&mut session).await;
    execute(&mut session, "SET idle_in_transaction_session_timeout = '20ms'; BEGIN").await;
    until(async || is_gone(&mut watcher, victim).await).await;
    let error = failure(&mut session, "SELECT 1").await;
    assert_eq!((code(&error).as_str(), classified(&error)), ("25P03", TIMEOUT));
}

#[tokio::test]
async fn postgres_transaction_timeout_is_a_query_timeout() {
    let Some(db) = postgres().await else { return };
    let mut session = db.connect().await;
    let version: i32 = sqlx::query_scalar("SELECT current_setting('server_version_num')::int")
        .fetch_one(&mut session)
        .await
        .unwrap();
    if version < 170_000 {
        return print_skipped("PostgreSQL 17");
    }
    execute(&mut session, "SET transaction_timeout = '50ms'; BEGIN").await;
    let error = failure(&mut session, "SELECT pg_sleep(60)").await;
    assert_eq!((code(&error).as_str(), classified(&error)), ("25P04", TIMEOUT));
}

/// The column has no limit, but its index has.
#[tokio::test]
async fn postgres_value_too_long_for_an_index_is_invalid() {
    let Some(db) = postgres().await else { return };
    let mut session = db.connect().await;
    execute(&mut session, "CREATE TABLE users (email text UNIQUE, words tsvector)").await;
    let email = "INSERT INTO users (email) SELECT string_agg(md5(i::text), '') FROM generate_series(1, 6000) i";
    let words = "INSERT INTO users (words) SELECT to_tsvector('simple', string_agg(md5(i::text), ' ')) FROM generate_series(1, 40000) i";
    for insert in [email, words] {
        let error = failure(&mut session, insert).await;
        assert_eq!((code(&error).as_str(), classified(&error)), ("54000", INVALID));
    }
}
