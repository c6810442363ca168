//! Real databases: servers, from `tests/with-services`, and ways to wait for what a server does.
//!
//! A test asks for its server, and returns if there is none:
//!
//! ```no_run
//! # async fn test() {
//! let Some(db) = resilience_test_support::databases::postgres().await else { return };
//! let pool = db.pool(2);
//! # }
//! ```
//!
//! Each call creates a database, so that all tests run at once. A test that stops or restarts a
//! server starts its own: [`Private::postgres`].

#![allow(clippy::missing_panics_doc, reason = "where a helper panics, its test has failed")]

mod private;
mod scratch;
mod shared;
mod until;

use std::io::Write;
use std::panic::Location;

pub use private::Private;
pub use scratch::Scratch;
pub use shared::{Mysql, Postgres, mysql, postgres};
pub use until::until;

/// The classification of an error, to compare at once: code, status, advice, and whether it was
/// sent.
pub fn classified(
    error: &sqlx::Error,
) -> (&'static str, u16, resilience::Advice, resilience::Sent) {
    let class = resilience::Classify::classify(error);
    (class.code(), class.status(), class.advice(), class.sent())
}

/// The database's own code; empty for an error of another origin.
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

/// Prints that the running test is skipped, past the harness's capture. Fails if nothing may be
/// skipped.
#[track_caller]
pub fn skip(needs: &str) {
    assert!(
        std::env::var("RESILIENCE_REQUIRE_SERVICES").as_deref() != Ok("1"),
        "{} needs {needs}",
        name()
    );
    print_skipped(needs);
}

/// Prints that the running test, or a part of it, is skipped because the server lacks something.
#[track_caller]
pub fn print_skipped(needs: &str) {
    // The harness captures what the macros print.
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

/// A name that no other test uses, in this process or another.
fn unique() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};

    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("t_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
