//! Error handling for axum: a layer that makes every request a boundary, and
//! [`Problem`](crate::http::Problem) as a response.
//!
//! ```
//! use axum::{Router, routing::get};
//! use resilience::{axum::{Path, RequestLayer}, errors::NotFound, http::Problem};
//!
//! async fn user(Path(id): Path<u32>) -> Result<String, Problem> {
//!     if id == 0 {
//!         return Err(NotFound::new("user", "0").into());
//!     }
//!     Ok(format!("user {id}"))
//! }
//!
//! // Add the layer last: it applies to everything added before it, including fallbacks.
//! let app: Router = Router::new().route("/users/{id}", get(user)).layer(RequestLayer::new());
//! ```
//!
//! `curl -i localhost/users/0` then returns
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
//! and `curl -i localhost/users/x`, which the extractor rejects, returns the same format. [`Json`],
//! [`Query`] and [`Path`] say which field is invalid. axum's own extractors work too.
//!
//! With `#[service(axum)]` on your own enum, the derive implements `IntoResponse`, and handlers can
//! return `Result<T, UserError>`. The log record then has the line of the enum, because the line of
//! the failure is unknown. With a `Problem`, it has the line of the `?`.
//!
//! # Without the layer
//!
//! A `Problem` still works as a response and is logged, but there is no request id, operation or
//! span. Rejections by axum keep axum's format, and a panic closes the connection. A failure that
//! passes a `#[boundary]` is logged there and once more with the response, because reports are
//! deduplicated by the request's context.
//!
//! # Errors you may see
//!
//! - *the trait `Handler<_, _>` is not implemented*: either the handler's error type isn't a
//!   response, or its future isn't `Send`. `#[axum::debug_handler]` shows which. For the first,
//!   return a `Problem` or put `#[service(axum)]` on the enum.
//! - *`ParseIntError: Classify` is not satisfied*: `?` can only convert an error to a `Problem` if
//!   the error is classified. Wrap it in an enum with `#[derive(ServiceError)]`, and return that
//!   enum from the function the handler calls: `?` converts only once.
//! - *cannot find `Router` in `axum`*: `use resilience::*` imports this module, which shadows the
//!   crate `axum`. Import items by name instead.

mod body;
mod convert;
mod explain;
mod future;
mod json;
mod layer;
mod limit;
mod params;
mod reject;
mod response;
mod scope;
mod service;
mod settings;
mod status;

pub use future::ResponseFuture;
pub use json::Json;
pub use layer::{RequestLayer, layer};
pub use params::{Path, Query};
pub use service::RequestService;
