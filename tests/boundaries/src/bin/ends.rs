//! A program that ends as its first argument says; its log goes to the standard output.

use std::process::ExitCode;

use resilience::errors::{Internal, MissingConfig, NotFound, ValidationError};
use resilience::{Classification, Classify, RequestContext, RequestId};

fn main() -> ExitCode {
    tracing_subscriber::fmt().json().flatten_event(true).with_writer(std::io::stdout).init();
    let context = RequestContext::with_request_id(RequestId::parse("run-7").expect("fit for a name"));
    match std::env::args().nth(1).as_deref() {
        Some("not found") => resilience::exit_code(Err::<(), _>(NotFound::new("file", "users.csv"))),
        Some("in a request") => {
            context.sync_scope(|| resilience::exit_code(Err::<(), _>(NotFound::new("file", "users.csv"))))
        }
        Some("internal") => resilience::exit_code(Err::<(), _>(Internal::new("/etc/secret is gone"))),
        Some("validation") => resilience::exit_code(Err::<(), _>(ValidationError::new("name\u{1b}[2J", "is\nempty"))),
        Some("config") => resilience::exit_code(Err::<(), _>(MissingConfig::new("DATABASE_URL"))),
        Some("code") => resilience::exit_code(Ok::<_, Nothing>(ExitCode::from(3))),
        _ => resilience::exit_code(Ok::<_, Nothing>(())),
    }
}

/// An error that never happens.
enum Nothing {}

impl std::fmt::Display for Nothing {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {}
    }
}

impl Classify for Nothing {
    fn classify(&self) -> Classification {
        match *self {}
    }
}
