//! Records about errors of real servers, whose texts quote values of rows.

use std::error::Error as _;

use resilience::{Rejected, ServiceError, report, retry};
use resilience_test_support::{Records, databases};
use sqlx::{MySqlConnection, PgConnection};

/// Stored in the rows, and logged nowhere.
const VALUE: &str = "ada@example.com";

#[derive(Debug, thiserror::Error, ServiceError)]
enum SaveError {
    #[error("can't save: {0} | {0:?} | {0:#?}")]
    #[service(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] Rejected),
}

/// A statement under a retry.
macro_rules! statement {
    ($name:ident, $connection:ty) => {
        #[retry(idempotent, attempts = 2, external_timeout)]
        async fn $name(
            connection: &mut $connection,
            statement: &'static str,
        ) -> Result<(), SaveError> {
            sqlx::query(statement).execute(&mut *connection).await?;
            Ok(())
        }
    };
}

statement!(postgres, PgConnection);
statement!(mysql, MySqlConnection);

fn text(records: &Records) -> String {
    records.all().iter().map(|record| record.to_string()).collect::<Vec<_>>().join("\n")
}

/// The retry's event and the report name the condition, and neither shows the value.
fn check(records: &Records, error: &SaveError, condition: &str) {
    assert!(error.to_string().contains(VALUE), "the server quotes the value: {error}");
    report(error);
    let logged = text(records);
    assert!(logged.matches(condition).count() >= 2, "{condition}: {logged}");
    assert!(!logged.contains("ada"), "{logged}");
}

#[tokio::test]
async fn postgres_record_holds_no_value_of_a_row() {
    let Some(db) = databases::postgres().await else { return };
    let (records, mut connection) = (Records::capture(), db.connect().await);
    postgres(&mut connection, "CREATE TEMP TABLE users (email text UNIQUE, age int)")
        .await
        .unwrap();
    let insert = "INSERT INTO users VALUES ('ada@example.com', 36)";
    postgres(&mut connection, insert).await.unwrap();

    // Only the detail quotes the row, which `{:?}` shows.
    let twice = postgres(&mut connection, insert).await.unwrap_err();
    check(&records, &twice, "users_email_key");
    let no_number = postgres(&mut connection, "SELECT 'ada@example.com'::int").await.unwrap_err();
    check(&records, &no_number, "(22P02)");
    // The code comes from the server, the text from the application.
    let raised = "DO $$ BEGIN RAISE '% is taken', 'ada@example.com' USING ERRCODE = 'exclusion_violation'; END $$";
    let raised = postgres(&mut connection, raised).await.unwrap_err();
    check(&records, &raised, "exclusion_violation (23P01)");
}

#[tokio::test]
async fn mysql_record_holds_no_value_of_a_row() {
    let Some(db) = databases::mysql().await else { return };
    let (records, mut connection) = (Records::capture(), db.connect().await);
    mysql(&mut connection, "CREATE TEMPORARY TABLE users (email varchar(100) UNIQUE, age int)")
        .await
        .unwrap();
    let insert = "INSERT INTO users VALUES ('ada@example.com', 36)";
    mysql(&mut connection, insert).await.unwrap();

    let twice = mysql(&mut connection, insert).await.unwrap_err();
    check(&records, &twice, "unique_violation (1062)");
    let no_number = mysql(&mut connection, "INSERT INTO users VALUES ('', 'ada@example.com')")
        .await
        .unwrap_err();
    check(&records, &no_number, "(1366)");
}

/// A panic of `unwrap` shows the error with `{:?}`.
#[tokio::test]
async fn panic_record_holds_no_value_of_a_row() {
    let Some(db) = databases::mysql().await else { return };
    let (records, mut connection) = (Records::capture(), db.connect().await);
    mysql(&mut connection, "CREATE TEMPORARY TABLE panics (email varchar(100) UNIQUE)")
        .await
        .unwrap();
    let insert = "INSERT INTO panics VALUES ('ada@example.com')";
    mysql(&mut connection, insert).await.unwrap();
    let twice = mysql(&mut connection, insert).await.unwrap_err();

    report(&resilience::errors::Internal::new(format!(
        "called `Result::unwrap()` on an `Err` value: {twice:?}"
    )));
    let logged = text(&records);
    assert!(logged.contains("number: 1062, message: (redacted)"), "{logged}");
    assert!(!logged.contains("ada"), "{logged}");
}

/// What has been formatted into a text has no types left.
fn check_flattened(error: &sqlx::Error) {
    // As anyhow does with `{:#}`.
    let chain = format!("can't save: {error}: {}", error.source().unwrap());
    for text in [error.to_string(), chain, format!("{error:?}"), format!("{error:#?}")] {
        assert!(text.contains("ada"), "the server quotes the value: {text}");
        check_text(text);
    }
}

fn check_text(text: String) {
    let records = Records::capture();
    report(&resilience::errors::Internal::new(text));
    let logged = records.only().to_string();
    assert!(!logged.contains("ada"), "{logged}");
}

#[tokio::test]
async fn postgres_error_formatted_into_a_text_shows_no_value() {
    let Some(db) = databases::postgres().await else { return };
    let mut connection = db.connect().await;
    let types = ["int", "date", "uuid", "json", "inet", "bool", "interval", "point", "int[]"];
    let casts = types.map(|ty| format!("SELECT 'ada@example.com'::{ty}"));
    let others = [
        "DO $$ BEGIN RAISE 'ada@example.com is taken'; END $$",
        "DO $$ BEGIN RAISE E'taken:\nada@example.com'; END $$",
        "DO $$ BEGIN EXECUTE 'SELEC ''ada@example.com'''; END $$",
        "DO $$ BEGIN EXECUTE 'SELECT 1 / length('''') AS \"ada@example.com\"'; END $$",
        "SELECT \"ada@example.com\"",
    ];
    for statement in casts.into_iter().chain(others.map(str::to_owned)) {
        let statement = sqlx::AssertSqlSafe(statement);
        let error = sqlx::raw_sql(statement).execute(&mut connection).await.unwrap_err();
        if error.to_string().contains("ada") {
            check_flattened(&error);
        } else {
            check_text(format!("{error:?}"));
            check_text(format!("{error:#?}"));
        }
    }
}

#[tokio::test]
async fn mysql_error_formatted_into_a_text_shows_no_value() {
    let Some(db) = databases::mysql().await else { return };
    let mut connection = db.connect().await;
    mysql(&mut connection, "CREATE TEMPORARY TABLE texts (email varchar(100) UNIQUE, age int)")
        .await
        .unwrap();
    mysql(&mut connection, "INSERT INTO texts VALUES ('ada@example.com', 1)").await.unwrap();
    for statement in [
        "INSERT INTO texts VALUES ('ada@example.com', 1)",
        "INSERT INTO texts VALUES ('', 'ada@example.com')",
        "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'taken:\nada@example.com'",
    ] {
        let error = sqlx::raw_sql(statement).execute(&mut connection).await.unwrap_err();
        check_text(error.as_database_error().unwrap().to_string());
        check_flattened(&error);
    }
}
