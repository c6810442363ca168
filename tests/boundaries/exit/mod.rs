//! `exit_code`: what a program prints and returns at its end.

use std::process::{Command, Output, Stdio};

use resilience::errors::{
    AuthFailed, CacheMiss, Conflict, ConnectFailed, CorruptState, Internal, MissingConfig,
    NetworkTimeout, NotFound, RateLimited, ServiceUnavailable, UpstreamClientError,
    ValidationError,
};
use resilience::{Classification, Classify, exit::exit_status, report, secs, shutdown::Shutdown};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

#[test]
fn each_error_has_its_exit_status() {
    let table: [(&dyn Classify, u8); 18] = [
        (&ValidationError::new("age", "is negative"), 65),
        (&Conflict::new("exists"), 65),
        (&NotFound::new("file", "users.csv"), 66),
        (&ServiceUnavailable::new("inventory"), 69),
        (&ConnectFailed::new("inventory"), 69),
        (&NetworkTimeout::new("inventory", secs(5)), 75),
        (&RateLimited::new("inventory"), 75),
        (&Internal::new("a bug"), 70),
        (&UpstreamClientError::new("inventory", 418), 70),
        (&CorruptState::new("the index"), 70),
        (&CacheMiss::new("prices"), 70),
        (&AuthFailed::new(), 77),
        (&MissingConfig::new("DATABASE_URL"), 78),
        (&std::io::Error::from(std::io::ErrorKind::NotFound), 74),
        (&std::io::Error::from(std::io::ErrorKind::StorageFull), 74),
        (&std::io::Error::from(std::io::ErrorKind::OutOfMemory), 70),
        (&std::io::Error::from(std::io::ErrorKind::ConnectionRefused), 69),
        (&resilience::Rejected::circuit_open("inventory", None), 69),
    ];
    for (error, status) in table {
        assert_eq!(exit_status(&error.classify()), status, "{error}");
    }
    let table = [
        (Classification::permanent("FORBIDDEN"), 77),
        (Classification::permanent("X").with_status(410), 66),
        (Classification::permanent("X").with_status(400), 65),
        (Classification::partial("X").with_status(503), 69),
        (Classification::permanent("X").with_status(503), 70),
        (Classification::transient("X").with_status(502), 69),
        (Classification::transient("X").with_status(500), 75),
        (Classification::unclassified(), 70),
        (Classification::fatal("MISSING_CONFIG").with_exit_code(3), 3),
        (Classification::permanent("X").with_exit_code(255), 255),
        (Classification::permanent("X").with_exit_code(0), 1),
    ];
    for (class, status) in table {
        assert_eq!(exit_status(&class), status, "{class:?}");
    }
}

#[test]
fn failure_is_logged_printed_and_returned() {
    let ended = run("not found", "0");
    assert_eq!(ended.status, 66);
    assert_eq!(ended.printed, "ends: file users.csv not found (NOT_FOUND)\n");
    let [record] = &ended.records[..] else { panic!("{:#?}", ended.records) };
    assert_eq!(
        (&record["message"], &record["operation"]),
        (&"expected_error: NOT_FOUND in ends".into(), &"ends".into())
    );
    assert!(record["code.file.path"].as_str().unwrap().ends_with("ends.rs"), "{record}");
}

#[test]
fn request_id_is_printed() {
    assert_eq!(
        run("in a request", "0").printed,
        "ends: file users.csv not found (NOT_FOUND, request run-7)\n"
    );
}

#[test]
fn failure_logged_by_a_boundary_is_not_logged_again() {
    for how in ["of a boundary", "awaited", "wrapped"] {
        let ended = run(how, "0");
        assert_eq!(
            ended.printed, "ends: file users.csv not found (NOT_FOUND, request run-8)\n",
            "{how}"
        );
        let [record] = &ended.records[..] else { panic!("{how}: {:#?}", ended.records) };
        assert_eq!(
            (&record["operation"], &record["request_id"]),
            (&"import".into(), &"run-8".into()),
            "{how}"
        );
    }
}

#[test]
fn failure_after_one_logged_by_a_boundary_is_logged_too() {
    let ended = run("another", "0");
    assert_eq!(ended.printed, "ends: file orders.csv not found (NOT_FOUND)\n");
    let [first, second] = &ended.records[..] else { panic!("{:#?}", ended.records) };
    assert_eq!((&first["operation"], &first["request_id"]), (&"import".into(), &"run-8".into()));
    assert_eq!((&second["operation"], &second["request_id"]), (&"ends".into(), &Value::Null));
}

#[test]
fn internal_details_are_logged_but_not_printed() {
    let ended = run("internal", "0");
    assert_eq!(
        (ended.status, &*ended.printed),
        (70, "ends: An internal error occurred (INTERNAL_ERROR)\n")
    );
    assert!(ended.records[0]["exception.message"].as_str().unwrap().contains("/etc/secret"));
    assert_eq!(run("spoiled", "0").printed, "ends: An internal error occurred (INTERNAL_ERROR)\n");
}

#[test]
fn control_characters_are_not_printed() {
    let ended = run("validation", "0");
    assert_eq!(ended.status, 65);
    assert!(!ended.printed.contains('\u{1b}'), "{:?}", ended.printed);
    assert!(ended.printed.ends_with("\n  name [2J: is empty\n"), "{:?}", ended.printed);
}

#[test]
fn fatal_error_is_critical_and_exits_with_its_own_status() {
    let ended = run("config", "0");
    assert_eq!(
        (ended.status, &*ended.printed),
        (78, "ends: required config missing: DATABASE_URL (MISSING_CONFIG)\n")
    );
    assert_eq!(ended.records[0]["message"], "critical_error: MISSING_CONFIG in ends");
}

#[test]
fn wrapped_fatal_error_is_told_without_its_secrets() {
    let ended = run("wrapped config", "0");
    assert_eq!(
        (ended.status, &*ended.printed),
        (3, "ends: required config missing: DATABASE_URL (MISSING_CONFIG)\n")
    );
    let printed = run("corrupt", "0").printed;
    assert!(printed.starts_with("ends: corrupt state detected: "), "{printed}");
    assert!(!printed.contains("hunter2") && !printed.contains('\u{1b}'), "{printed:?}");
    assert!(printed.len() < 5_000 && printed.lines().count() == 1, "{printed:?}");
}

#[test]
fn success_prints_nothing_and_keeps_its_exit_code() {
    for (kind, status) in [("fine", 0), ("code", 3)] {
        let ended = run(kind, "0");
        assert_eq!((ended.status, &*ended.printed, ended.records.len()), (status, "", 0), "{kind}");
    }
}

#[test]
fn closed_standard_error_does_not_panic() {
    let mut child =
        command("not found", "0").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(66));
}

#[test]
fn backtrace_is_captured_if_the_environment_asks_for_it() {
    let trace = |kind, asked| run(kind, asked).records[0].get("exception.stacktrace").cloned();
    assert_eq!(trace("internal", "0"), None);
    assert_eq!(trace("not found", "1"), None, "what is expected needs none");
    for kind in ["internal", "config"] {
        let trace = trace(kind, "1").unwrap();
        assert!(trace.as_str().unwrap().contains("ends::main"), "{kind}: {trace}");
    }
}

#[tokio::test]
async fn reported_fatal_error_shuts_a_server_down_gracefully() {
    let shutdown = Shutdown::new();
    let handler = {
        let shutdown = shutdown.clone();
        async || {
            shutdown
                .scope(async { format!("{:?}", report(&MissingConfig::new("DATABASE_URL"))) })
                .await
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().route("/", axum::routing::get(handler));
    let server = tokio::spawn(
        axum::serve(listener, app).with_graceful_shutdown(shutdown.requested()).into_future(),
    );

    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "the request is answered: {answer}");
    server.await.unwrap().unwrap();
    assert_eq!(shutdown.reason().unwrap().code, "MISSING_CONFIG");
}

struct Ended {
    status: i32,
    printed: String,
    records: Vec<Value>,
}

fn run(kind: &str, backtrace: &str) -> Ended {
    let Output { status, stdout, stderr } = command(kind, backtrace).output().unwrap();
    let log = String::from_utf8(stdout).unwrap();
    let records: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // A fatal error also logs an alert.
    let records =
        records.into_iter().filter(|record| record["target"] == "resilience::report").collect();
    Ended { status: status.code().unwrap(), printed: String::from_utf8(stderr).unwrap(), records }
}

fn command(kind: &str, backtrace: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ends"));
    command.arg(kind).env("RUST_BACKTRACE", backtrace).env_remove("RUST_LIB_BACKTRACE");
    command
}
