//! gRPC with [tonic](https://docs.rs/tonic): what a callee's status means, and the status that we answer.
//!
//! As a client, `tonic::Status` classifies itself, so that it can stand in an enum as it is:
//!
//! ```
//! # #[cfg(feature = "macros")] {
//! use resilience::{ServiceError, retry, timeout};
//!
//! #[derive(Debug, thiserror::Error, ServiceError)]
//! enum StockError {
//!     #[error(transparent)]
//!     #[service(transparent)]
//!     Grpc(#[from] tonic::Status),
//!     #[error(transparent)]
//!     #[service(transparent)]
//!     Rejected(#[from] resilience::Rejected),
//! }
//!
//! #[retry(idempotent)]
//! #[timeout("2s")]
//! async fn stock(sku: &str) -> Result<u32, StockError> {
//!     // … client.stock(request).await? …
//! #   Err(tonic::Status::unavailable(sku))?;
//!     Ok(3)
//! }
//! # }
//! ```
//!
//! | its status | classification |
//! |---|---|
//! | no connection | transient, never sent, `CONNECT_FAILED`, 503 |
//! | the connection broke | transient, `CONNECTION_LOST`, 503 |
//! | a timeout of the channel, which tonic calls `Cancelled` | transient, `NETWORK_TIMEOUT`, 504 |
//! | `DeadlineExceeded` | transient, `NETWORK_TIMEOUT`, 504 |
//! | `Unavailable` | transient, `SERVICE_UNAVAILABLE`, 503 |
//! | `ResourceExhausted` | transient, `RATE_LIMITED`, 429; permanent, `QUOTA_EXCEEDED`, 500, where it details a quota and no wait |
//! | `Aborted` | transient, `UPSTREAM_ABORTED`, 503; only the whole transaction can be repeated |
//! | `Internal`, `Unknown` | transient, `SERVICE_UNAVAILABLE`, 503; repeated only if it says when |
//! | `InvalidArgument`, `NotFound`, `AlreadyExists`, `PermissionDenied`, `Unauthenticated`, `FailedPrecondition`, `OutOfRange` | permanent, `UPSTREAM_CLIENT_ERROR`, 500 |
//! | `Unimplemented` | permanent, `UPSTREAM_SERVER_ERROR`, 500 |
//! | `DataLoss` | permanent, `UPSTREAM_DATA_LOSS`, 500; alerts at once |
//! | `Cancelled` | permanent, `CALL_CANCELLED`, 500 |
//! | `Ok`, which is no error | permanent, `UPSTREAM_UNEXPECTED_STATUS`, 500 |
//!
//! How long to wait, a callee says in the detail `google.rpc.RetryInfo` or in the metadata
//! `grpc-retry-pushback-ms` (gRFC A6). The longest counts. A pushback that is negative, or no
//! number, means that the call must not be repeated.
//!
//! As a server, [`status`] logs any error that classifies itself, and makes the answer:
//!
//! ```
//! # #[cfg(feature = "macros")] {
//! # #[derive(Debug, thiserror::Error, resilience::ServiceError)]
//! # #[error("x")] #[service(not_found)] struct StockError;
//! # fn find(_: &str) -> Result<u32, StockError> { Ok(3) }
//! use tonic::{Request, Response, Status};
//!
//! // Of a service that tonic has generated.
//! async fn stock(request: Request<String>) -> Result<Response<u32>, Status> {
//!     let stock = find(request.get_ref()).map_err(|error| resilience::tonic::status(&error))?;
//!     Ok(Response::new(stock))
//! }
//! # }
//! ```
//!
//! [`RequestContextLayer`] on the server gives these records their request id and their operation,
//! and logs panics; without it nobody does. [`send_request_id`] on a client, or [`RequestExt`] on a
//! request, sends the id on.
mod body;
mod context;
mod outgoing;
mod scope;
mod status;
pub use self::body::ContextualBody;
pub use self::context::{Contextual, RequestContextLayer, send_request_id};
pub use self::outgoing::RequestExt;
pub use self::status::{status, status_in};
const REQUEST_ID: &str = "x-request-id";
