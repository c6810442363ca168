//! One layer that makes every request of an axum service a whole boundary, and
//! [`Problem`](crate::http::Problem) as an answer.
//!
//! ```
//! use axum::{Router, extract::Path, routing::get};
//! use resilience::{axum::RequestLayer, errors::NotFound, http::Problem};
//!
//! async fn user(Path(id): Path<u32>) -> Result<String, Problem> {
//!     if id == 0 {
//!         return Err(NotFound::new("user", "0").into());
//!     }
//!     Ok(format!("user {id}"))
//! }
//!
//! // The layer comes last: it holds for what stands above it, fallbacks included.
//! let app: Router = Router::new().route("/users/{id}", get(user)).layer(RequestLayer::new());
//! ```
//!
//! `curl -i localhost/users/0` then answers
//!
//! ```text
//! HTTP/1.1 404 Not Found
//! content-type: application/problem+json
//! x-request-id: 019a9d4e-6f5a-7c31-9d3c-0f6a8f5b2c11
//!
//! {"type":"about:blank","title":"Not Found","status":404,"detail":"user 0 not found","code":"NOT_FOUND",
//!  "request_id":"019a9d4e-6f5a-7c31-9d3c-0f6a8f5b2c11","retryable":false}
//! ```
//!
//! and `curl -i localhost/users/x`, which axum itself rejects, answers in the same form.
//!
//! On your own enum the derive writes `IntoResponse` when it is asked to: `#[service(axum)]`. Then
//! a handler may return `Result<T, UserError>` as well. The record of its error names the line of
//! the enum, for nothing knows where the handler failed; with a `Problem` it is the line of the
//! `?`.
//!
//! # Without the layer
//!
//! A `Problem` is an answer all the same, and is logged, but nobody has made a request id, an
//! operation or a span; what axum rejects keeps its own form, and a panic closes the connection. A
//! failure that passes a `#[boundary]` on its way is logged there and again with the answer,
//! since what tells that it is the same is kept in the request's context.
//!
//! # Errors you may see
//!
//! - *the trait `Handler<_, _>` is not implemented*: the handler's error is no answer. Return a
//!   `Problem`, or write `#[service(axum)]` on the enum. Or its future isn't `Send`.
//!   `#[axum::debug_handler]` says which.
//! - *`ParseIntError: Classify` is not satisfied*: `?` made a `Problem` of an error that doesn't
//!   say how it may fail. Hold it in an enum with `#[derive(ServiceError)]`; the handler's `?`
//!   takes one step, so let what it calls return that enum.
//! - *cannot find `Router` in `axum`*: `use resilience::*` brings this module under the name of the
//!   crate. Import by name.

mod answer;
mod body;
mod foreign;
mod future;
mod json;
mod layer;
mod scope;
mod service;
mod settings;

pub use future::ResponseFuture;
pub use json::Json;
pub use layer::{RequestLayer, layer};
pub use service::RequestService;
