//! The warning of a server that forgot the layer.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::Request;
use resilience::axum::RequestLayer;
use resilience::errors::NotFound;
use resilience::{Problem, RequestContext};
use resilience_test_support::Records;
use tower::ServiceExt as _;

async fn absent() -> Result<(), Problem> {
    Err(NotFound::new("user", "7"))?
}

async fn ask(app: Router) -> u16 {
    app.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn missing_axum_layer_is_warned_about_once() {
    let records = Records::capture();
    let app = || Router::new().route("/", get(absent));
    assert_eq!(ask(app().layer(RequestLayer::new())).await, 404);
    assert_eq!(records.names(), ["expected_error"]);
    for _ in 0..2 {
        assert_eq!(ask(app()).await, 404);
    }
    assert_eq!(
        records.names(),
        ["expected_error", "expected_error", "request_layer_missing", "expected_error"]
    );
    let warning = &records.all()[2];
    assert_eq!(warning.text("level"), "WARN");
    assert!(warning.text("help").contains("RequestLayer"), "{warning:?}");
}

#[test]
fn missing_grpc_layer_is_warned_about_once() {
    let records = Records::capture();
    let answer = || resilience::tonic::status(&NotFound::new("order", "42"));
    let _ = RequestContext::new().sync_scope(answer);
    assert_eq!(records.names(), ["expected_error"]);
    for _ in 0..2 {
        let _ = answer();
    }
    assert_eq!(
        records.names(),
        ["expected_error", "expected_error", "request_layer_missing", "expected_error"]
    );
    assert!(records.all()[2].text("help").contains("RequestContextLayer"));
}
