//! Errors that don't classify themselves: `classify = …`.

use std::fmt;

use resilience::{Classification, boundary};
use resilience_test_support::Records;

use super::{only_report, reports};

/// An error of another crate.
#[derive(Debug, PartialEq)]
struct Foreign(&'static str);

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("db error")]
struct Driver<'t>(#[source] std::num::ParseIntError, &'t str);

#[boundary(classify = |_| Classification::permanent("FOREIGN"))]
async fn caused(name: &str) -> Result<i32, Driver<'_>> {
    "x".parse().map_err(|error| Driver(error, name))
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[boundary(classify = |_| Classification::permanent("FOREIGN"))]
fn boxed() -> Result<i32, BoxError> {
    "x".parse().map_err(|error| Driver(error, "row").into())
}

#[boundary(classify = |_| Classification::permanent("FOREIGN"))]
fn any<E: fmt::Display>(error: E) -> Result<i32, E> {
    Err(error)
}

#[boundary(classify = |_| Classification::permanent("FOREIGN"))]
fn hidden() -> Result<i32, impl fmt::Display> {
    if false { Ok(3) } else { Err("no error") }
}

#[boundary(classify = |_| Classification::permanent("FOREIGN"))]
fn hidden_error() -> Result<i32, impl std::error::Error> {
    "x".parse().map_err(|error| Driver(error, "row"))
}

mod crowded {
    use super::{Classification, boundary};

    /// A user's trait on every type, with a name that the expansion uses too.
    trait Look {
        fn look(&self) {}
    }

    impl<T> Look for T {}

    #[boundary(classify = |_| Classification::permanent("FOREIGN"))]
    pub(super) fn look(text: &str) -> Result<i32, &str> {
        text.look();
        Err(text)
    }
}

#[test]
fn classify_option_takes_opaque_and_borrowed_errors() {
    let records = Records::capture();
    assert!(hidden().is_err() && hidden_error().is_err() && crowded::look("a text").is_err());
    let messages = reports(&records)
        .iter()
        .map(|record| record.text("exception.message").to_owned())
        .collect::<Vec<_>>();
    assert_eq!(messages, ["no error", "db error", "a text"]);
    assert_eq!(reports(&records)[1].list("error.chain"), ["invalid digit found in string"]);
}

#[tokio::test]
async fn foreign_error_is_reported_with_its_causes() {
    let records = Records::capture();
    caused("row").await.unwrap_err();
    boxed().unwrap_err();
    any(3).unwrap_err();
    let [caused, boxed, any] = &reports(&records)[..] else { panic!("{:?}", records.names()) };
    for record in [caused, boxed] {
        assert_eq!(record.text("exception.message"), "db error");
        assert_eq!(record.list("error.chain"), ["invalid digit found in string"]);
    }
    assert_eq!((any.text("exception.message"), any.has("error.chain")), ("3", false));
}

#[boundary(classify = |_| Classification::permanent("FOREIGN"))]
async fn foreign() -> Result<(), Foreign> {
    Err(Foreign("the library is confused"))
}

#[tokio::test]
async fn foreign_error_is_classified_by_the_classify_option() {
    let records = Records::capture();
    assert_eq!(foreign().await, Err(Foreign("the library is confused")));
    let record = only_report(&records);
    assert_eq!(
        (record.text("message"), record.text("error.type")),
        ("unexpected_error", "FOREIGN")
    );
    assert_eq!(record.text("exception.message"), "the library is confused");
    assert!(record.text("exception.type").ends_with("Foreign"), "{record:?}");
}
