//! What the tests on real databases share: servers, from `tests/with-services`, and ways to wait
//! for what a server does.
//!
//! A test asks for its server, and returns if there is none:
//!
//! ```no_run
//! # async fn test() {
//! let Some(db) = resilience_database_tests::postgres().await else { return };
//! let pool = db.pool(2);
//! # }
//! ```
//!
//! What it gets is a database of its own, so that all tests run at once. A test that stops or
//! restarts a server starts its own: [`Private::postgres`].

#![allow(clippy::missing_panics_doc, reason = "where a helper panics, its test has failed")]

mod database;
mod local;
mod private;
mod wait;

use std::io::Write;
use std::panic::Location;

pub use database::{Mysql, Postgres, mysql, postgres};
pub use local::Scratch;
pub use private::Private;
pub use wait::until;

/// The README's code compiles; here, since only here are both databases and HTTP at hand.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;

/// What the layers make of an error, to compare at once: code, status, advice, and whether it was
/// sent.
pub fn told(error: &sqlx::Error) -> (&'static str, u16, resilience::Advice, resilience::Sent) {
    let is = resilience::Classify::classify(error);
    (is.code(), is.status(), is.advice(), is.sent())
}

/// The database's own code; empty of an error that isn't the database's.
pub fn code(error: &sqlx::Error) -> String {
    match error.as_database_error() {
        #[expect(clippy::redundant_closure_for_method_calls, reason = "the code borrows the error")]
        Some(error) => match error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
            Some(error) => error.number().to_string(),
            None => error.code().map(|code| code.into_owned()).unwrap_or_default(),
        },
        None => String::new(),
    }
}

/// Says that the running test is left out, where nobody can capture it; fails where nothing may be
/// left out.
#[track_caller]
pub fn skip(needs: &str) {
    assert!(
        std::env::var("RESILIENCE_REQUIRE_SERVICES").as_deref() != Ok("1"),
        "{} needs {needs}",
        name()
    );
    say_skipped(needs);
}

/// Says that the running test, or a part of it, is left out, for want of what not every server has.
#[track_caller]
pub fn say_skipped(needs: &str) {
    // The macros' output is captured by the harness.
    let _ = writeln!(std::io::stderr(), "skipped: {}: needs {needs}", name());
}

#[track_caller]
fn name() -> String {
    match std::thread::current().name() {
        Some(name) if name != "main" => name.to_owned(),
        // With `--test-threads=1` tests run on the main thread.
        _ => Location::caller().to_string(),
    }
}

/// A name that no other test has, in this process or another.
fn unique() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};

    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("t_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
