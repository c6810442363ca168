//! Records about errors of SQLite.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use resilience::errors::{Internal, NotFound};
use resilience::{Classification, Classify, ServiceError, boundary, degrade, report, retry};
use resilience_test_support::{Record, Records};
use sqlx::{Connection as _, SqliteConnection};

#[derive(Debug, thiserror::Error, ServiceError)]
enum UserError {
    #[error(transparent)]
    #[service(transparent)]
    Database(#[from] sqlx::Error),
    #[error("can't sign up")]
    #[service(unavailable)]
    SignUp(#[source] sqlx::Error),
}

#[tokio::test]
async fn record_has_system_code_and_constraint_but_no_value_of_a_row() {
    let wrapped = record(&UserError::SignUp(violation().await));
    let bare = record(&violation().await);
    let transparent = record(&UserError::from(violation().await));
    for record in [&wrapped, &bare, &transparent] {
        let fields = ["db.system.name", "db.response.status_code", "db.constraint"]
            .map(|field| &record[field]);
        assert_eq!(fields, ["sqlite", "2067", "users.email"], "{record:?}");
        assert!(!record.to_string().contains("ada@example.com"), "{record:?}");
    }
    assert_eq!(wrapped["exception.message"], "can't sign up");
    assert!(wrapped["error.chain"].is_string(), "{wrapped:?}");
    assert_eq!([&bare["error.type"], &transparent["error.type"]], ["CONFLICT", "CONFLICT"]);

    let other = record(&NotFound::new("user", "42"));
    assert!(
        other.get("db.system.name").is_none() && other.get("db.constraint").is_none(),
        "{other:?}"
    );
}

#[tokio::test]
async fn missing_table_is_named() {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    let missing = sqlx::query("select * from users").execute(&mut connection).await.unwrap_err();
    let record_of_missing = record(&missing);
    assert!(
        record_of_missing.text("exception.message").ends_with("no such table: users"),
        "{record_of_missing:?}"
    );

    let quoting =
        sqlx::query("select 'a' || ada@example.com").execute(&mut connection).await.unwrap_err();
    assert_eq!(record(&quoting)["exception.message"], "invalid_statement (1)");
}

async fn violation() -> sqlx::Error {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    sqlx::raw_sql(
        "create table users (email text unique); insert into users values ('ada@example.com')",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let error = sqlx::query("insert into users values ('ada@example.com')")
        .execute(&mut connection)
        .await
        .unwrap_err();
    assert!(error.source().is_some(), "{error:?}");
    error
}

/// The record of a report.
fn record(error: &dyn Classify) -> Record {
    let all = recorded(|| _ = report(error));
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

/// The records of a function.
fn recorded(run: impl FnOnce()) -> Vec<Record> {
    let records = Records::capture();
    run();
    records.all()
}

#[derive(Debug, thiserror::Error, ServiceError)]
enum ReadError {
    #[error(transparent)]
    #[service(unavailable)]
    Row(#[from] sqlx::Error),
    #[error(transparent)]
    #[service(internal)]
    Shared(#[from] Arc<sqlx::Error>),
    #[error(transparent)]
    #[service(internal, code = "BOXED")]
    Boxed(Box<dyn Error + Send + Sync>),
}

#[derive(Debug, thiserror::Error, ServiceError)]
#[error("can't load: {0}")]
#[service(unavailable)]
struct LoadError(#[source] ReadError);

fn unreadable() -> sqlx::Error {
    let source = "invalid value \"ada@example.com\" for enum Role".into();
    sqlx::Error::ColumnDecode { index: "role".into(), source }
}

/// A transparent error is absent from its own chain of sources.
#[test]
fn transparent_database_text_is_redacted() {
    let layered = LoadError(ReadError::Row(unreadable()));
    assert!(!record(&layered).to_string().contains("ada@example.com"), "{layered}");
    for error in [
        ReadError::Row(unreadable()),
        ReadError::Row(sqlx::Error::Decode(
            "invalid value \"ada@example.com\" for enum Role".into(),
        )),
        ReadError::Row(sqlx::Error::Protocol(
            "invalid value \"ada@example.com\" for enum Role".into(),
        )),
        ReadError::Shared(unreadable().into()),
        ReadError::Boxed(unreadable().into()),
    ] {
        let record = record(&error);
        assert!(!record.to_string().contains("ada@example.com"), "{record:?}");
    }
}

#[test]
fn error_of_a_failed_fallback_is_redacted() {
    #[degrade(fallback = Err(unreadable())?, non_critical)]
    fn role() -> Result<String, sqlx::Error> {
        Err(sqlx::Error::RowNotFound)
    }
    let events = recorded(|| drop(role()));
    let failed =
        events.iter().find(|event| event["message"] == "degradation_failed").expect("the event");
    assert_eq!(failed["fallback_error"], "invalid_statement", "{failed:?}");
}

#[test]
fn error_with_the_classify_option_is_redacted() {
    #[derive(Debug, thiserror::Error)]
    #[error("can't load: {0}")]
    struct Foreign(#[source] sqlx::Error);

    const CLASS: Classification = Classification::transient("FOREIGN");

    #[boundary(classify = |_| CLASS)]
    #[retry(idempotent, external_timeout, attempts = 2, blocking)]
    fn foreign() -> Result<(), Foreign> {
        Err(Foreign(unreadable()))
    }

    #[boundary]
    #[degrade(fallback = Err(unreadable())?, classify = |_| CLASS)]
    fn bare() -> Result<(), sqlx::Error> {
        Err(unreadable())
    }

    #[boundary(classify = |_| CLASS)]
    fn boxed() -> Result<(), Box<dyn Error + Send + Sync>> {
        Err(Foreign(unreadable()).into())
    }

    #[boundary(classify = |_| CLASS)]
    fn boxed_to_send() -> Result<(), Box<dyn Error + Send>> {
        Err(Box::new(Foreign(unreadable())))
    }

    #[boundary(classify = |_| CLASS)]
    fn boxed_to_stay() -> Result<(), Box<dyn Error>> {
        Err(Foreign(unreadable()).into())
    }

    for call in [
        || drop(foreign()),
        || drop(bare()),
        || drop(boxed()),
        || drop(boxed_to_send()),
        || drop(boxed_to_stay()),
    ] {
        let events = recorded(call);
        assert!(!events.is_empty());
        assert!(
            events.iter().all(|event| !event.to_string().contains("ada@example.com")),
            "{events:#?}"
        );
    }
    let events = recorded(|| drop(foreign()));
    let record =
        events.iter().find(|event| event["target"] == "resilience::report").expect("the record");
    assert_eq!(record["exception.message"], "can't load: invalid_statement");
    assert_eq!(record["error.chain"], "[\"invalid_statement\"]");
}

#[test]
fn unprintable_error_does_not_fail_the_call() {
    #[derive(thiserror::Error)]
    #[error("{0}, so it can't load")]
    struct NoDebug(#[source] sqlx::Error);

    impl fmt::Debug for NoDebug {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            Err(fmt::Error)
        }
    }

    #[derive(Debug)]
    struct Panics;

    impl fmt::Display for Panics {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("no text")
        }
    }

    #[degrade(fallback = 3, classify = |_| Classification::partial("FOREIGN"))]
    fn no_debug() -> Result<u32, Box<dyn Error + Send + Sync>> {
        Err(NoDebug(unreadable()).into())
    }

    #[degrade(fallback = 3, classify = |_| Classification::partial("FOREIGN"))]
    fn panics() -> Result<u32, Panics> {
        Err(Panics)
    }

    let events = recorded(|| assert!(matches!(no_debug(), Ok(3))));
    assert_eq!(events[0]["error"], "invalid_statement", "{events:#?}");
    let events = recorded(|| assert!(matches!(panics(), Ok(3))));
    assert_eq!(
        events[0]["error"], "(`Display` panicked while formatting this error)",
        "{events:#?}"
    );
}

/// A borrowing error is no trait object, and plain text has no causes.
#[test]
fn borrowed_and_plain_text_errors_take_the_classify_option() {
    #[derive(Debug, thiserror::Error)]
    #[error("no {0}")]
    struct Borrowed<'a>(&'a str);

    #[boundary(classify = |_| Classification::permanent("BORROWED"))]
    fn borrowed(name: &str) -> Result<(), Borrowed<'_>> {
        Err(Borrowed(name))
    }

    #[boundary(classify = |_| Classification::permanent("TEXT"))]
    fn text<E: fmt::Display>(text: E) -> Result<(), E> {
        Err(text)
    }

    let name = String::from("user");
    assert_eq!(recorded(|| drop(borrowed(&name)))[0]["exception.message"], "no user");
    assert_eq!(recorded(|| drop(text("no name".to_owned())))[0]["exception.message"], "no name");
}

/// What has been formatted into a text has no types left.
#[tokio::test]
async fn error_formatted_into_a_text_shows_no_value() {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    let quoting =
        sqlx::query("select 'a' || ada@example.com").execute(&mut connection).await.unwrap_err();
    let encode = sqlx::Error::Encode("no number: ada@example.com".into());
    let decode = sqlx::Error::Decode("no number: ada@example.com\n".into());
    let protocol = sqlx::Error::Protocol("unexpected ada@example.com".into());
    for error in [quoting, encode, decode, protocol, unreadable()] {
        for text in [error.to_string(), format!("{error:?}"), format!("{error:#?}")] {
            assert!(text.contains("@example"), "the text quotes the value: {text}");
            let record = record(&Internal::new(format!("can't save: {text}")));
            assert!(!record.to_string().contains("@example"), "{record:?}");
        }
    }
}

#[test]
fn huge_driver_error_is_redacted_soon() {
    let started = std::time::Instant::now();
    let error = sqlx::Error::Decode("ada@example.com ".repeat(700_000).into());
    let record = record(&LoadError(ReadError::Row(error)));
    assert!(!record.to_string().contains("ada"), "{}", record.to_string().len());
    assert!(started.elapsed().as_secs() < 2, "{:?}", started.elapsed());
}
