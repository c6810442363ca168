//! The time that a request may take, and what is left of it for what its handler calls.

use std::future::pending;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get as route;
use http::{HeaderName, Request};
use resilience::axum::RequestLayer;
use resilience::http::Problem;
use resilience::{ServiceError, context, retry, secs};
use resilience_test_support::Records;
use tokio::time::{Instant, sleep};

use super::{ask, get};

const TIME_LEFT: HeaderName = HeaderName::from_static("x-time-left-ms");

#[derive(Debug, thiserror::Error, ServiceError)]
enum StockError {
    #[error("busy")]
    #[service(unavailable)]
    Busy,
}

#[retry(idempotent, external_timeout, attempts = 9, base = "1s", jitter = "none")]
async fn stock() -> Result<(), StockError> {
    Err(StockError::Busy)
}

#[retry(idempotent, external_timeout)]
async fn hangs() -> Result<(), StockError> {
    let _ = stock_once().await;
    pending().await
}

#[retry(idempotent, external_timeout, attempts = 1)]
async fn stock_once() -> Result<(), StockError> {
    Err(StockError::Busy)
}

fn app(layer: RequestLayer) -> Router {
    Router::new()
        .route("/retries", route(async || -> Result<(), Problem> { Ok(stock().await?) }))
        .route("/hangs", route(async || -> Result<(), Problem> { Ok(hangs().await?) }))
        .route("/task", route(async || resilience::spawn(left()).await.unwrap()))
        .route("/left", route(left))
        .layer(layer)
}

async fn left() -> String {
    sleep(secs(1)).await;
    context().remaining().map_or("none".into(), |left| left.as_millis().to_string())
}

fn waiting(path: &str, millis: &str) -> Request<Body> {
    let mut request = get(path);
    request.headers_mut().insert(TIME_LEFT, millis.parse().unwrap());
    request
}

#[tokio::test(start_paused = true)]
async fn handler_that_takes_too_long_is_a_504_that_names_the_cause() {
    let (records, start) = (Records::capture(), Instant::now());
    let answer = ask(app(RequestLayer::new().timeout(secs(3))), get("/hangs")).await;
    assert_eq!(start.elapsed(), secs(3));
    answer.assert_problem(504, "NETWORK_TIMEOUT", "An internal error occurred");
    let record = records.all().pop().unwrap();
    assert_eq!(record.text("operation"), "GET /hangs");
    assert_eq!(
        record.text("exception.message"),
        "the request timed out after 3s; the last failure was SERVICE_UNAVAILABLE of stock_once"
    );
}

#[tokio::test(start_paused = true)]
async fn wait_that_would_end_after_the_request_is_not_begun() {
    let start = Instant::now();
    let answer = ask(app(RequestLayer::new().timeout(secs(3))), get("/retries")).await;
    assert_eq!(
        (answer.status, start.elapsed()),
        (503, secs(1)),
        "after 1 s another 2 are too long"
    );
}

#[tokio::test(start_paused = true)]
async fn time_left_is_known_in_the_handler_and_its_tasks() {
    let layer = || RequestLayer::new().timeout(secs(3)).time_left_header(TIME_LEFT);
    for (request, left) in [
        (get("/left"), "2000"),
        (get("/task"), "2000"),
        (waiting("/left", "1500"), "500"),
        (waiting("/left", "60000"), "2000"),
        (waiting("/left", "soon"), "2000"),
    ] {
        assert_eq!(ask(app(layer()), request).await.body, left);
    }
    let unlimited = || RequestLayer::new();
    assert_eq!(ask(app(unlimited()), waiting("/left", "1500")).await.body, "none");
    let of_client = || RequestLayer::new().time_left_header(TIME_LEFT);
    assert_eq!(ask(app(of_client()), waiting("/left", "1500")).await.body, "500");
    assert_eq!(ask(app(of_client()), waiting("/left", "0")).await.status, 504);
    assert_eq!(ask(app(of_client()), get("/left")).await.body, "none");
}

#[tokio::test(start_paused = true)]
async fn time_left_goes_on_to_the_callee() {
    use resilience::http::RequestExt as _;

    async fn header() -> String {
        let request = reqwest::Client::new().get("http://localhost").with_time_left(TIME_LEFT);
        let request = request.build().unwrap();
        request.headers().get(TIME_LEFT).map_or("none", |left| left.to_str().unwrap()).to_owned()
    }
    let app = |layer: RequestLayer| Router::new().route("/", route(header)).layer(layer);
    let limited = RequestLayer::new().timeout(Duration::from_millis(2500));
    assert_eq!(ask(app(limited), get("/")).await.body, "2500");
    assert_eq!(ask(app(RequestLayer::new()), get("/")).await.body, "none");
}

#[test]
#[should_panic(expected = "longer than zero")]
fn zero_timeout_is_refused() {
    let _ = RequestLayer::new().timeout(Duration::ZERO);
}
