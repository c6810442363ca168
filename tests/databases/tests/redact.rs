//! What real servers say of rows doesn't reach the logs.

use std::io;
use std::sync::{Mutex, Once, PoisonError};

use resilience::{Rejected, ServiceError, report, retry};
use sqlx::{Connection as _, MySqlConnection, PgConnection};

/// Stands in the rows, and must stand nowhere else.
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

/// This library's events, one a line.
static LOG: Mutex<String> = Mutex::new(String::new());

struct Log;

impl io::Write for Log {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        if text.contains(" resilience: ") || text.contains(" resilience::report: ") {
            LOG.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::DEBUG)
            .with_writer(|| Log)
            .init();
    });
}

fn logged() -> String {
    LOG.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The server's URL; none, and a word about it, where there is no server.
fn server(test: &str, name: &str, variable: &str) -> Option<String> {
    let url = std::env::var(variable).ok();
    if url.is_none() {
        assert_ne!(
            std::env::var("RESILIENCE_REQUIRE_SERVICES").as_deref(),
            Ok("1"),
            "{test} needs {name}"
        );
        println!("skipped: {test}: needs {name}");
    }
    url
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

/// The event of the retry and the record of the boundary tell the condition, and neither tells the
/// value.
fn check(error: &SaveError, condition: &str) {
    assert!(error.to_string().contains(VALUE), "the server quotes the value: {error}");
    report(error);
    let logged = logged();
    assert!(logged.matches(condition).count() >= 2, "{condition}: {logged}");
    assert!(!logged.contains("ada"), "{logged}");
}

#[tokio::test]
async fn postgres_tells_no_row() {
    let Some(url) = server("postgres_tells_no_row", "postgres", "RESILIENCE_POSTGRES_URL") else {
        return;
    };
    listen();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    postgres(&mut connection, "CREATE TEMP TABLE users (email text UNIQUE, age int)")
        .await
        .unwrap();
    let insert = "INSERT INTO users VALUES ('ada@example.com', 36)";
    postgres(&mut connection, insert).await.unwrap();

    // Here only the detail quotes the row, which `{:?}` shows.
    let twice = postgres(&mut connection, insert).await.unwrap_err();
    check(&twice, "users_email_key");
    let no_number = postgres(&mut connection, "SELECT 'ada@example.com'::int").await.unwrap_err();
    check(&no_number, "(22P02)");
    // The code is the server's, and the text the application's.
    let raised = "DO $$ BEGIN RAISE '% is taken', 'ada@example.com' USING ERRCODE = 'exclusion_violation'; END $$";
    let raised = postgres(&mut connection, raised).await.unwrap_err();
    check(&raised, "exclusion_violation (23P01)");
}

#[tokio::test]
async fn mysql_tells_no_row() {
    let Some(url) = server("mysql_tells_no_row", "mysql", "RESILIENCE_MYSQL_URL") else { return };
    listen();
    let mut connection = MySqlConnection::connect(&url).await.unwrap();
    mysql(&mut connection, "CREATE TEMPORARY TABLE users (email varchar(100) UNIQUE, age int)")
        .await
        .unwrap();
    let insert = "INSERT INTO users VALUES ('ada@example.com', 36)";
    mysql(&mut connection, insert).await.unwrap();

    let twice = mysql(&mut connection, insert).await.unwrap_err();
    check(&twice, "unique_violation (1062)");
    let no_number = mysql(&mut connection, "INSERT INTO users VALUES ('', 'ada@example.com')")
        .await
        .unwrap_err();
    check(&no_number, "(1366)");
}

/// What `unwrap` says is all that a panic tells of an error.
#[tokio::test]
async fn a_panic_tells_no_row() {
    let Some(url) = server("a_panic_tells_no_row", "mysql", "RESILIENCE_MYSQL_URL") else { return };
    listen();
    let mut connection = MySqlConnection::connect(&url).await.unwrap();
    mysql(&mut connection, "CREATE TEMPORARY TABLE panics (email varchar(100) UNIQUE)")
        .await
        .unwrap();
    let insert = "INSERT INTO panics VALUES ('ada@example.com')";
    mysql(&mut connection, insert).await.unwrap();
    let twice = mysql(&mut connection, insert).await.unwrap_err();

    report(&resilience::errors::Internal::new(format!(
        "called `Result::unwrap()` on an `Err` value: {twice:?}"
    )));
    let logged = logged();
    assert!(logged.contains("number: 1062, message: (redacted)"), "{logged}");
    assert!(!logged.contains("ada"), "{logged}");
}
