//! Response bodies whose methods or destructors panic.

use std::cell::Cell;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::routing::get as route;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use resilience::axum::RequestLayer;
use resilience_test_support::Records;

use super::{ask, get, send};

/// Where a body panics: from which call of a method on, or when it is dropped.
#[derive(Clone, Copy, Default)]
struct When {
    size_hint_from: Option<u32>,
    end_stream_from: Option<u32>,
    on_drop: bool,
}

/// A body of one part.
struct Panicking {
    when: When,
    size_hints: Cell<u32>,
    end_streams: Cell<u32>,
    sent: bool,
}

fn call(calls: &Cell<u32>, from: Option<u32>, what: &str) {
    calls.set(calls.get() + 1);
    assert!(from.is_none_or(|from| calls.get() < from), "of {what}");
}

impl http_body::Body for Panicking {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let first = !std::mem::replace(&mut self.sent, true);
        Poll::Ready(first.then(|| Ok(Frame::data(Bytes::from_static(b"part")))))
    }

    fn is_end_stream(&self) -> bool {
        call(&self.end_streams, self.when.end_stream_from, "is_end_stream");
        self.sent
    }

    fn size_hint(&self) -> SizeHint {
        call(&self.size_hints, self.when.size_hint_from, "size_hint");
        SizeHint::default()
    }
}

impl Drop for Panicking {
    fn drop(&mut self) {
        assert!(!self.when.on_drop, "of drop");
    }
}

fn app(status: StatusCode, when: When) -> Router {
    let body = move || {
        let [size_hints, end_streams] = [Cell::new(0), Cell::new(0)];
        Body::new(Panicking { when, size_hints, end_streams, sent: false })
    };
    let handler = async move || (status, [("content-type", "text/plain")], body());
    Router::new().route("/", route(handler)).layer(RequestLayer::new())
}

#[track_caller]
fn assert_panic(records: &Records, of: &str) {
    let record = records.only();
    assert_eq!((record.text("message"), record.text("error.type")), ("unexpected_error", "PANIC"));
    assert!(record.text("exception.message").ends_with(&format!(": of {of}")), "{record:?}");
    assert_eq!((record.text("request_id"), record.text("operation")), ("req-1", "GET /"));
}

#[tokio::test]
async fn panic_before_the_response_has_begun_is_a_500() {
    let table = [
        (200, When { end_stream_from: Some(1), ..When::default() }, "is_end_stream"),
        (404, When { size_hint_from: Some(1), ..When::default() }, "size_hint"),
        (500, When { size_hint_from: Some(1), ..When::default() }, "size_hint"),
        (500, When { on_drop: true, ..When::default() }, "drop"),
        // Whatever else happens, one panic must not end the process.
        (404, When { size_hint_from: Some(1), on_drop: true, ..When::default() }, "size_hint"),
    ];
    for (status, when, of) in table {
        let records = Records::capture();
        let answer = ask(app(StatusCode::from_u16(status).unwrap(), when), get("/")).await;
        answer.assert_problem(500, "INTERNAL_ERROR", "An internal error occurred");
        assert_panic(&records, of);
    }
}

#[tokio::test]
async fn panic_after_the_response_has_begun_breaks_the_body_off() {
    let table = [
        (When { end_stream_from: Some(2), ..When::default() }, "is_end_stream"),
        (When { size_hint_from: Some(2), ..When::default() }, "size_hint"),
    ];
    for (when, of) in table {
        let records = Records::capture();
        let mut sent = send(app(StatusCode::OK, when), get("/")).await.into_body();
        // As a server asks before it sends the head.
        let _ = (http_body::Body::is_end_stream(&sent), http_body::Body::size_hint(&sent));
        let error = sent.frame().await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "the body panicked");
        assert!(sent.frame().await.is_none());
        drop(sent);
        assert_panic(&records, of);
    }
}

#[tokio::test]
async fn panic_of_a_dropped_body_is_recorded() {
    let when = When { on_drop: true, ..When::default() };
    let records = Records::capture();
    let answer = ask(app(StatusCode::OK, when), get("/")).await;
    assert_eq!((answer.status, &*answer.body), (200, "part"));
    assert_panic(&records, "drop");

    let records = Records::capture();
    drop(send(app(StatusCode::OK, when), get("/")).await);
    assert_panic(&records, "drop");
}

/// Over a real connection: the server answers, and goes on serving.
#[tokio::test]
async fn server_survives_panicking_bodies() {
    let bodies = [
        When { end_stream_from: Some(1), ..When::default() },
        When { end_stream_from: Some(2), ..When::default() },
        When { size_hint_from: Some(2), ..When::default() },
        When { on_drop: true, ..When::default() },
    ];
    for when in bodies {
        let app = app(StatusCode::OK, when).route("/fine", route(async || "fine"));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async { axum::serve(listener, app).await });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        for _ in 0..3 {
            // It may be complete, a 500, or broken off. It must not hang.
            let answer =
                async { client.get(format!("http://{address}/")).send().await?.text().await };
            let _ = tokio::time::timeout(std::time::Duration::from_secs(5), answer)
                .await
                .expect("an end");
        }
        let fine = client.get(format!("http://{address}/fine")).send().await.unwrap();
        assert_eq!(fine.text().await.unwrap(), "fine");
        server.abort();
    }
}
