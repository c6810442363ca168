//! The errors of tower's own layers, as axum's `HandleErrorLayer` hands them over.

use std::sync::Arc;
use std::time::Duration;

use axum::error_handling::HandleErrorLayer;
use axum::routing::get as route;
use axum::{BoxError, Router};
use resilience::Problem;
use resilience::axum::RequestLayer;
use resilience_test_support::Records;
use tokio::sync::Notify;
use tower::ServiceBuilder;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::timeout::TimeoutLayer;

use super::{ask, get};

fn app(handler: axum::routing::MethodRouter) -> Router {
    Router::new().route("/", handler).layer(
        ServiceBuilder::new()
            .layer(RequestLayer::new())
            .layer(HandleErrorLayer::new(async |error: BoxError| Problem::from(error)))
            .layer(LoadShedLayer::new())
            .layer(GlobalConcurrencyLimitLayer::new(1))
            .layer(TimeoutLayer::new(Duration::from_secs(5))),
    )
}

#[track_caller]
fn assert_expected(records: &Records) {
    let record = records.only();
    assert_eq!(record.text("message"), "expected_error");
    assert!(record.get("exception.stacktrace").is_none(), "{record:?}");
    assert_eq!(record.text("operation"), "GET /");
}

#[tokio::test(start_paused = true)]
async fn timeout_of_tower_is_a_504() {
    let records = Records::capture();
    let slow = route(async || std::future::pending::<()>().await);
    ask(app(slow), get("/")).await.assert_problem(
        504,
        "NETWORK_TIMEOUT",
        resilience::http::generic_message(504),
    );
    assert_expected(&records);
}

#[tokio::test(start_paused = true)]
async fn load_shed_by_tower_is_a_503() {
    let entered = Arc::new(Notify::new());
    let enters = Arc::clone(&entered);
    let app = app(route(async move || {
        enters.notify_one();
        std::future::pending::<()>().await;
    }));
    let first = tokio::spawn(ask(app.clone(), get("/")));
    entered.notified().await;
    let records = Records::capture();
    let answer = ask(app, get("/")).await;
    answer.assert_problem(503, "OVERLOADED", resilience::http::generic_message(503));
    assert_eq!(answer.json()["retryable"], true);
    assert_expected(&records);
    first.abort();
}
