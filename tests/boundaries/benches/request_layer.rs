//! The time of a successful request under the layer, in nanoseconds, beside no layer and beside the
//! same features of tower-http: a request id from the header or a new one, sent back and in a span,
//! and panics caught.
//!
//!     cargo bench -p resilience-boundary-tests --bench request_layer
//!
//! All take turns, and the fastest of many short samples counts, since other load only makes a
//! sample slower. Only the ratios within one run are comparable. No subscriber is set, so that
//! spans cost next to nothing.

use std::hint::black_box;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::routing::get;
use http::{HeaderName, HeaderValue, Request};
use resilience::axum::RequestLayer;
use resilience::request::RequestId;
use tower::{Service as _, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{self, MakeRequestId, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::TraceLayer;

const SAMPLES: u32 = 2_000;
const CALLS: u32 = 100;
const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Makes the same ids as ours.
#[derive(Clone, Copy)]
struct Ids;

impl MakeRequestId for Ids {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<request_id::RequestId> {
        HeaderValue::from_str(RequestId::new().as_str()).ok().map(request_id::RequestId::new)
    }
}

fn router() -> Router {
    Router::new().route("/users/{id}", get(async || "fine"))
}

fn tower_http() -> Router {
    let span = |request: &Request<Body>| {
        let id = request.headers().get(HEADER).and_then(|id| id.to_str().ok());
        tracing::info_span!(
            "request",
            request_id = id,
            method = request.method().as_str(),
            route = request.uri().path()
        )
    };
    let trace = TraceLayer::new_for_http()
        .make_span_with(span)
        .on_request(())
        .on_response(())
        .on_failure(());
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::new(HEADER, Ids))
        .layer(trace)
        .layer(PropagateRequestIdLayer::new(HEADER))
        .layer(CatchPanicLayer::new());
    router().layer(layers)
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for (which, id) in [("the id is made", None), ("the id is the client's", Some("client-7"))] {
        let mut contenders = [
            ("none", router(), f64::INFINITY),
            ("tower-http", tower_http(), f64::INFINITY),
            ("RequestLayer", router().layer(RequestLayer::new()), f64::INFINITY),
        ];
        for _ in 0..SAMPLES {
            for (_, app, fastest) in &mut contenders {
                *fastest = fastest.min(runtime.block_on(sample(app, id)));
            }
        }
        println!("{which}:");
        let (none, theirs) = (contenders[0].2, contenders[1].2);
        for (name, _, fastest) in contenders {
            println!(
                "  {name:<14}{fastest:7.0} ns {:7.0} over none {:6.2} x tower-http",
                fastest - none,
                (fastest - none) / (theirs - none)
            );
        }
    }
}

async fn sample(app: &mut Router, id: Option<&'static str>) -> f64 {
    let start = Instant::now();
    for _ in 0..CALLS {
        let mut request = Request::get("/users/7");
        if let Some(id) = id {
            request = request.header(HEADER, id);
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = app.as_service().call(black_box(request)).await.expect("it is infallible");
        assert!(
            response.headers().contains_key(HEADER) || response.headers().len() == 2,
            "{response:?}"
        );
        black_box(to_bytes(response.into_body(), 100).await.expect("a body"));
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}
