//! The layer above real axum routers: what a client gets, and what is logged.

mod abandoned;
mod bodies;
mod context;
mod foreign;
mod forms;
mod json;
mod panics;
mod params;
mod reports;
mod streams;
mod timeouts;
mod tower_layers;

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use http::Request;
use http_body::Frame;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

const ID: &str = "req-1";

/// A response with its whole body.
struct Answer {
    status: u16,
    headers: http::HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// Asserts that it is a complete problem in the standard form.
    #[track_caller]
    fn assert_problem(&self, status: u16, code: &str, detail: &str) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.body);
        let json = self.json();
        assert_eq!(self.status, status, "{json}");
        assert_eq!(json["status"], status, "{json}");
        assert_eq!(json["code"], code, "{json}");
        assert_eq!(json["detail"], detail, "{json}");
        assert_eq!(json["request_id"].as_str(), self.header("x-request-id"), "{json}");
        assert!(json["request_id"].is_string(), "{json}");
        assert_eq!(self.header("content-length"), Some(&*self.body.len().to_string()));
    }
}

fn get(path: &str) -> Request<Body> {
    request("GET", path, "")
}

fn request(method: &str, path: &str, body: &'static str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("x-request-id", ID)
        .body(body.into())
        .unwrap()
}

fn json_request(method: &str, path: &str, body: &'static str) -> Request<Body> {
    let mut request = request(method, path, body);
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    request
}

async fn send(app: Router, request: Request<Body>) -> Response {
    app.oneshot(request).await.unwrap()
}

async fn ask(app: Router, request: Request<Body>) -> Answer {
    let (parts, body) = send(app, request).await.into_parts();
    let body = body.collect().await.expect("the body is complete").to_bytes();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).expect("text"),
    }
}

/// A body whose parts are made by a function while it is sent.
struct Parts<F>(F);

impl<F: FnMut() -> Option<&'static str> + Unpin> http_body::Body for Parts<F> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Poll::Ready((self.0)().map(|part| Ok(Frame::data(Bytes::from_static(part.as_bytes())))))
    }
}
