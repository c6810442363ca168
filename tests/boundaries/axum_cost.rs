//! The cost of the layer for a successful request: id, context and operation have to be stored.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::Request;
use resilience::axum::RequestLayer;
use resilience_test_support::allocations::{Counting, so_far};
use tower::{Layer, ServiceExt as _};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A layer that does nothing, to know what axum itself costs.
#[derive(Clone)]
struct Nothing;

impl<S> Layer<S> for Nothing {
    type Service = S;

    fn layer(&self, inner: S) -> S {
        inner
    }
}

/// The allocations of one request, the body included, after one for warming up.
async fn allocations(app: Router) -> u32 {
    let mut count = 0;
    for _ in 0..2 {
        let request = Request::get("/users/7").body(Body::empty()).unwrap();
        let app = app.clone();
        let before = so_far();
        let response = app.oneshot(request).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), 100).await.unwrap();
        count = so_far() - before;
        assert_eq!(body, "fine");
    }
    count
}

#[tokio::test]
async fn successful_request_costs_at_most_nine_allocations() {
    let app = || Router::new().route("/users/{id}", get(async || "fine"));
    let without = allocations(app().layer(Nothing)).await;
    let with = allocations(app().layer(RequestLayer::new())).await;
    // The id and its context, the operation, extensions for inner layers, the response header, and
    // the wrapper of the body.
    assert!(with - without <= 9, "{with} with the layer, {without} without");
}
