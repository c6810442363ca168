//! Records, alerts and shutdown.

use std::cell::RefCell;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use axum::Router;
use axum::body::Body;
use axum::routing::{get as route, post};
use http_body_util::BodyExt as _;
use resilience::axum::RequestLayer;
use resilience::errors::{Internal, MissingConfig, NotFound, ServiceUnavailable};
use resilience::{
    Problem, RequestContext, ServiceError, alert::AlertPhase, on_alert, shutdown::Shutdown,
};
use resilience_test_support::Records;

use super::{Parts, ask, get, request, send};

#[derive(Debug, thiserror::Error, ServiceError)]
enum UserError {
    #[error("no row {id} in users")]
    #[service(not_found, public = "No such user")]
    Unknown { id: u32 },
}

fn find(id: u32) -> Result<(), UserError> {
    Err(UserError::Unknown { id })
}

#[tokio::test]
async fn record_has_the_line_of_the_question_mark() {
    const LINE: u32 = line!() + 3;
    async fn handler() -> Result<(), Problem> {
        RequestContext::current().unwrap().set_user("u-42");
        find(7)?;
        Ok(())
    }
    let app = Router::new().route("/users/{id}", route(handler)).layer(RequestLayer::new());
    let records = Records::capture();
    ask(app, get("/users/7")).await.assert_problem(404, "NOT_FOUND", "No such user");
    let record = records.only();
    assert_eq!(record.text("message"), "expected_error");
    assert_eq!(record.text("error.type"), "NOT_FOUND");
    assert_eq!(record.text("exception.message"), "no row 7 in users");
    assert_eq!(record.text("operation"), "GET /users/{id}");
    assert_eq!(record.text("request_id"), "req-1");
    assert_eq!(record.text("user_id"), "u-42");
    assert!(record.text("code.file.path").ends_with("axum/reports.rs"), "{record:?}");
    assert_eq!(record["code.line.number"], LINE);
}

#[tokio::test]
async fn problem_of_is_not_logged() {
    let app = Router::new()
        .route("/", route(async || Problem::of(&NotFound::new("user", "7"))))
        .layer(RequestLayer::new());
    let records = Records::capture();
    ask(app, get("/")).await;
    assert_eq!(records.all(), []);
}

#[tokio::test]
async fn fatal_error_is_a_500_and_requests_shutdown() {
    let app = Router::new()
        .route("/", route(async || Err::<(), Problem>(MissingConfig::new("SECRET_NAME").into())))
        .layer(RequestLayer::new());
    let shutdown = Shutdown::new();
    let records = Records::capture();
    let answer = shutdown.clone().scope(ask(app, get("/"))).await;
    answer.assert_problem(500, "MISSING_CONFIG", "An internal error occurred");
    assert!(!answer.body.contains("SECRET_NAME"));
    assert!(records.names().contains(&"critical_error".to_owned()), "{:?}", records.names());
    shutdown.requested().await;
    assert_eq!(shutdown.reason().unwrap().code, "MISSING_CONFIG");
}

#[tokio::test]
async fn successful_request_resets_the_alert_count() {
    async fn flaky(heal_after: u32) -> Vec<AlertPhase> {
        let path = format!("/flaky/{heal_after}");
        let phases = Arc::new(Mutex::new(Vec::new()));
        let operation = format!("GET {path}");
        let heard = Arc::clone(&phases);
        on_alert(move |notice| {
            if *notice.operation == *operation {
                heard.lock().unwrap().push(notice.phase);
            }
        });
        let calls = AtomicU32::new(0);
        let handler = {
            let calls = Arc::new(calls);
            move || {
                let calls = Arc::clone(&calls);
                async move {
                    if (calls.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(heal_after) {
                        return Ok(());
                    }
                    Err::<(), Problem>(ServiceUnavailable::new("db").into())
                }
            }
        };
        let app = Router::new().route(&path, route(handler)).layer(RequestLayer::new());
        for _ in 0..24 {
            ask(app.clone(), get(&path)).await;
        }
        let phases = phases.lock().unwrap();
        phases.clone()
    }
    assert_eq!(flaky(3).await, [], "two in a row are none to tell of");
    assert!(flaky(12).await.contains(&AlertPhase::Began), "eleven in a row are");
}

/// Reports when it is dropped, as a guard of unfinished work may.
struct Unfinished;

impl Drop for Unfinished {
    fn drop(&mut self) {
        resilience::report(&Internal::new("unfinished"));
    }
}

#[track_caller]
fn assert_unfinished(records: &Records) {
    let record = records.only();
    assert_eq!(record.text("request_id"), "req-1");
    assert_eq!(record.text("operation"), "GET /users/{id}");
    assert_eq!(record["span"]["name"], "request");
}

#[tokio::test]
async fn report_on_drop_of_a_canceled_handler_has_its_request_id() {
    let handler = async || {
        let _unfinished = Unfinished;
        pending::<()>().await;
    };
    let app = Router::new().route("/users/{id}", route(handler)).layer(RequestLayer::new());
    let records = Records::capture();
    let mut asked = Box::pin(ask(app, get("/users/7")));
    tokio::select! {
        biased;
        _ = &mut asked => unreachable!("it waits for ever"),
        () = tokio::task::yield_now() => {}
    }
    drop(asked);
    assert_unfinished(&records);
}

#[tokio::test]
async fn report_on_drop_of_a_canceled_body_has_its_request_id() {
    let handler = async || {
        let unfinished = Unfinished;
        Body::new(Parts(move || {
            let _: &Unfinished = &unfinished;
            Some("part ")
        }))
    };
    let app = Router::new().route("/users/{id}", route(handler)).layer(RequestLayer::new());
    let records = Records::capture();
    let mut body = send(app, get("/users/7")).await.into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert_unfinished(&records);
}

/// As with a runtime in a thread local.
#[test]
fn request_dropped_at_thread_exit_does_not_abort() {
    thread_local! {
        static KEPT: RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>> = const { RefCell::new(None) };
    }

    let ended = std::thread::spawn(|| {
        // Registered first, so that it is dropped last.
        KEPT.set(None);
        let app = Router::new()
            .route("/", route(async || pending::<()>().await))
            .layer(RequestLayer::new());
        let mut asked = Box::pin(async move { drop(ask(app, get("/")).await) });
        let mut cx = Context::from_waker(Waker::noop());
        assert!(asked.as_mut().poll(&mut cx).is_pending());
        KEPT.set(Some(asked));
    });
    ended.join().unwrap();
}

#[tokio::test]
async fn failed_grpc_status_is_not_counted_as_success() {
    let (alert, heard) = (Arc::new(AtomicU32::new(0)), "POST /test.Stock/Get");
    let counting = Arc::clone(&alert);
    on_alert(move |notice| {
        if &*notice.operation == heard && notice.phase == AlertPhase::Began {
            counting.fetch_add(1, Ordering::Relaxed);
        }
    });
    // gRPC has its own status in a header; that of HTTP is always 200.
    let call = async || {
        resilience::report(&ServiceUnavailable::new("db"));
        [("content-type", "application/grpc"), ("grpc-status", "14")]
    };
    let app = Router::new().route("/test.Stock/Get", post(call)).layer(RequestLayer::new());
    for _ in 0..5 {
        ask(app.clone(), request("POST", "/test.Stock/Get", "")).await;
    }
    assert_eq!(alert.load(Ordering::Relaxed), 1, "five in a row");
}
