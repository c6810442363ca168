//! One layer that makes every request of an axum service a whole boundary, and [`Problem`](crate::http::Problem) as an answer.
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
//! On your own enum the derive writes `IntoResponse` when it is asked to: `#[service(axum)]`.

mod answer;
mod body;
mod foreign;
mod future;
mod json;
mod layer;
mod panics;
mod scope;
mod service;

pub use future::ResponseFuture;
pub use json::Json;
pub use layer::{RequestLayer, layer};
pub use service::RequestService;
