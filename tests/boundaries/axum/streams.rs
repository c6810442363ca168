//! Streaming bodies.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get as route;
use http_body::Frame;
use http_body_util::BodyExt as _;
use resilience::RequestContext;
use resilience::axum::RequestLayer;
use resilience_test_support::Records;

use super::{ID, Parts, ask, get, send};

/// Three parts, each of which checks its context.
fn parts() -> Body {
    let mut left = 3;
    Body::new(Parts(move || {
        assert_eq!(RequestContext::current().expect("a context").request_id().as_str(), ID);
        tracing::info!(target: "test", left, "part");
        left -= 1;
        (left >= 0).then_some("part ")
    }))
}

#[tokio::test]
async fn stream_is_unchanged_and_polled_in_its_request_context() {
    let app = Router::new().route("/", route(async || parts())).layer(RequestLayer::new());
    let records = Records::capture();
    let answer = ask(app, get("/")).await;
    assert_eq!((answer.status, &*answer.body), (200, "part part part "));
    assert_eq!(answer.header("content-length"), None);
    for record in records.all() {
        assert_eq!(record["span"]["request_id"], ID);
    }
}

#[tokio::test]
async fn streamed_error_text_is_not_a_rejection() {
    let text =
        async || (StatusCode::NOT_FOUND, [("content-type", "text/plain")], parts()).into_response();
    let app = Router::new().route("/", route(text)).layer(RequestLayer::new());
    let answer = ask(app, get("/")).await;
    assert_eq!((answer.status, &*answer.body), (404, "part part part "));
}

#[tokio::test]
async fn known_content_length_is_kept() {
    let app = Router::new().route("/", route(async || "hello")).layer(RequestLayer::new());
    assert_eq!(ask(app, get("/")).await.header("content-length"), Some("5"));
}

/// Otherwise only the client would know that it failed.
#[tokio::test]
async fn failing_body_is_logged_once() {
    struct Failing(u32);

    impl http_body::Body for Failing {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
            self.0 += 1;
            Poll::Ready(Some(match self.0 {
                1 => Ok(Frame::data(Bytes::from_static(b"half"))),
                _ => Err(io::ErrorKind::ConnectionReset.into()),
            }))
        }
    }

    let app =
        Router::new().route("/", route(async || Body::new(Failing(0)))).layer(RequestLayer::new());
    let records = Records::capture();
    let mut body = send(app, get("/")).await.into_body();
    body.frame().await.unwrap().unwrap();
    assert!(records.reports().is_empty());
    body.frame().await.unwrap().unwrap_err();
    let record = records.only();
    assert_eq!((record.text("error.type"), record.text("request_id")), ("CONNECTION_LOST", ID));
    assert_eq!(record.text("exception.message"), "the response body failed: connection reset");
}
