//! Clients that disconnect before the response is complete.

use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body;
use axum::routing::get as route;
use http_body_util::BodyExt as _;
use resilience::axum::RequestLayer;
use resilience_test_support::Records;
use tower::{Service as _, ServiceExt as _};

use super::{Parts, ask, get, request, send};

fn app() -> Router {
    let parts = async || {
        let mut left = 3;
        Body::new(Parts(move || {
            left -= 1;
            (left >= 0).then_some("part ")
        }))
    };
    Router::new()
        .route("/slow/{id}", route(async || std::future::pending::<()>().await))
        .route("/parts", route(parts))
        .route("/fine", route(async || "fine"))
        .route(
            "/bomb",
            route(async || {
                let _bomb = Bomb;
                std::future::pending::<()>().await;
            }),
        )
        .layer(RequestLayer::new())
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "of drop");
    }
}

/// Begins a request and drops it.
async fn abandon(path: &'static str) {
    let mut app = app();
    let response = app.as_service::<Body>().ready().await.unwrap().call(get(path));
    let mut response = Box::pin(response);
    let polled = response.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Pending));
}

#[tokio::test]
async fn client_that_leaves_during_the_handler_leaves_a_trace() {
    let records = Records::capture();
    abandon("/slow/7").await;
    let [record] = &records.all()[..] else { panic!("{:?}", records.all()) };
    assert_eq!((record.text("level"), record.text("message")), ("INFO", "request_abandoned"));
    assert_eq!(
        (record.text("request_id"), record.text("operation"), record.text("part")),
        ("req-1", "GET /slow/{id}", "handler")
    );
}

#[tokio::test]
async fn client_that_leaves_during_the_body_leaves_a_trace() {
    let records = Records::capture();
    let mut body = send(app(), get("/parts")).await.into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    let [record] = &records.all()[..] else { panic!("{:?}", records.all()) };
    assert_eq!(
        (record.text("message"), record.text("operation"), record.text("part")),
        ("request_abandoned", "GET /parts", "body")
    );
}

#[tokio::test]
async fn complete_responses_leave_no_trace() {
    let records = Records::capture();
    assert_eq!(ask(app(), get("/parts")).await.body, "part part part ");
    assert_eq!(ask(app(), get("/fine")).await.body, "fine");
    ask(app(), get("/nowhere")).await;
    // A server takes no more of a body than its length.
    let mut body = send(app(), get("/fine")).await.into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    // Nor anything of one that isn't sent.
    drop(send(app(), request("HEAD", "/fine", "")).await);
    assert!(!records.names().contains(&"request_abandoned".to_owned()), "{:?}", records.names());
}

#[tokio::test]
async fn handler_that_panics_when_it_is_abandoned_is_recorded() {
    let records = Records::capture();
    abandon("/bomb").await;
    let names = records.names();
    assert_eq!(names, ["unexpected_error", "request_abandoned"]);
    assert_eq!(records.all()[0].text("error.type"), "PANIC");
}
