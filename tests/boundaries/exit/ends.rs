//! A program that ends in the way its first argument names. It logs to standard output.

use std::process::ExitCode;

use resilience::errors::{CorruptState, Internal, MissingConfig, NotFound, ValidationError};
use resilience::{
    Boundary, Classification, Classify, FieldError, RequestContext, ServiceError, boundary,
    request::RequestId,
};

fn main() -> ExitCode {
    tracing_subscriber::fmt().json().flatten_event(true).with_writer(std::io::stdout).init();
    let context =
        RequestContext::with_request_id(RequestId::parse("run-7").expect("fit for a name"));
    match std::env::args().nth(1).as_deref() {
        Some("not found") => {
            resilience::exit_code(Err::<(), _>(NotFound::new("file", "users.csv")))
        }
        Some("in a request") => context
            .sync_scope(|| resilience::exit_code(Err::<(), _>(NotFound::new("file", "users.csv")))),
        Some("of a boundary") => resilience::exit_code(import("users.csv")),
        Some("wrapped") => resilience::exit_code(import("users.csv").map_err(Start)),
        Some("awaited") => {
            let import =
                Boundary::new("import").request_id("run-8").run(async { import("users.csv") });
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            resilience::exit_code(runtime.block_on(import))
        }
        Some("another") => {
            drop(import("users.csv"));
            resilience::exit_code(Err::<(), _>(NotFound::new("file", "orders.csv")))
        }
        Some("internal") => {
            resilience::exit_code(Err::<(), _>(Internal::new("/etc/secret is gone")))
        }
        Some("validation") => {
            resilience::exit_code(Err::<(), _>(ValidationError::new("name\u{1b}[2J", "is\nempty")))
        }
        Some("spoiled") => resilience::exit_code(Err::<(), _>(Spoiled)),
        Some("config") => resilience::exit_code(Err::<(), _>(MissingConfig::new("DATABASE_URL"))),
        Some("wrapped config") => {
            resilience::exit_code(Err::<(), Config>(MissingConfig::new("DATABASE_URL").into()))
        }
        Some("corrupt") => resilience::exit_code(Err::<(), _>(CorruptState::new(
            "postgres://app:hunter2@db/shop\u{1b}[2J\n".repeat(1000),
        ))),
        Some("code") => resilience::exit_code(Ok::<_, Nothing>(ExitCode::from(3))),
        _ => resilience::exit_code(Ok::<_, Nothing>(())),
    }
}

#[boundary(request_id = run_id())]
fn import(file: &'static str) -> Result<(), NotFound> {
    Err(NotFound::new("file", file))
}

fn run_id() -> &'static str {
    "run-8"
}

#[derive(Debug, thiserror::Error, ServiceError)]
enum Config {
    #[error(transparent)]
    #[service(transparent, exit_code = 3)]
    Missing(#[from] MissingConfig),
}

#[derive(Debug, thiserror::Error, ServiceError)]
#[error("it doesn't start")]
#[service(transparent)]
struct Start(#[source] NotFound);

/// Has field errors, but isn't a client error.
struct Spoiled;

impl std::fmt::Display for Spoiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the row can't be read")
    }
}

impl Classify for Spoiled {
    fn classify(&self) -> Classification {
        Classification::permanent("INTERNAL_ERROR")
    }

    fn field_errors(&self) -> std::borrow::Cow<'_, [FieldError]> {
        vec![FieldError::new("password_hash", "is no hash")].into()
    }
}

/// An error without values.
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
