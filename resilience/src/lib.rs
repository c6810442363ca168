//! Production error handling as attributes: retries, circuit breakers, timeouts, fallbacks and
//! transactions for async functions, driven by errors that classify themselves.
//!
//! - **Errors classify themselves**, and every layer acts on that classification alone.
//! - **Attributes nest as written**: the topmost is the outermost layer. A combination that makes
//!   no sense doesn't compile.
//! - **Layers report their own failures as one type**, [`Rejected`].
//! - **State has one owner**: a `static`, a field, or the annotated function.
//!
//! Start with the two examples below. Then read [`ServiceError`](macro@ServiceError) and the page
//! of each attribute you use.
//!
//! # Classify errors, then add layers
//!
//! Derive [`ServiceError`](macro@ServiceError) next to [thiserror](https://docs.rs/thiserror)'s
//! `Error`, and put the attributes on the function that makes the call:
//!
//! ```
//! # #[cfg(all(feature = "macros", feature = "tokio"))] {
//! use resilience::{CircuitBreaker, ServiceError, circuit_breaker, degrade, retry, secs, timeout};
//!
//! #[derive(Debug, thiserror::Error, ServiceError)]
//! enum InventoryError {
//!     #[error("{sku} is not in the catalogue")]
//!     #[service(not_found)] // permanent, NOT_FOUND, 404
//!     UnknownSku { sku: String },
//!     #[error("the inventory is busy")]
//!     #[service(transient, code = "INVENTORY_BUSY")] // retried, 503
//!     Busy,
//!     #[error(transparent)]
//!     #[service(transparent)] // a timeout, an open circuit
//!     Rejected(#[from] resilience::Rejected),
//! }
//!
//! static INVENTORY: CircuitBreaker = CircuitBreaker::new("inventory").recovery_timeout(secs(20));
//!
//! #[degrade(fallback = 1)]
//! #[retry(idempotent, attempts = 3)]
//! #[circuit_breaker(INVENTORY)]
//! #[timeout("5s")]
//! async fn stock(sku: &str) -> Result<u32, InventoryError> {
//!     // … call the inventory …
//! #   if sku.is_empty() { return Err(InventoryError::Busy) }
//! #   if sku == "?" { return Err(InventoryError::UnknownSku { sku: sku.to_owned() }) }
//!     Ok(3)
//! }
//! # }
//! ```
//!
//! Tests share a `static`; the feature `testing` gives each test its own.
//!
//! # Log each failure once, and answer the client
//!
//! A handler that returns a `Problem` is a complete boundary: its `?` logs the error once and
//! creates the response. Message consumers, jobs and commands use [`#[boundary]`](macro@boundary)
//! instead, and `main` uses [`exit_code`].
//!
//! ```
//! # #[cfg(all(feature = "macros", feature = "http"))] {
//! use resilience::{Problem, ServiceError, boundary};
//!
//! #[derive(Debug, thiserror::Error, ServiceError)]
//! enum UserError {
//!     #[error("no row for user {id}")] // for the log
//!     #[service(not_found, public = "No such user")] // for the client
//!     Unknown { id: u64 },
//! }
//!
//! async fn find(id: u64) -> Result<String, UserError> {
//!     // … ask the database …
//! #   if id == 0 { return Ok(String::new()) }
//!     Err(UserError::Unknown { id })
//! }
//!
//! async fn get_user(id: u64) -> Result<String, Problem> {
//!     Ok(find(id).await?)
//! }
//!
//! #[boundary(operation = "greet_user", request_id = message)]
//! async fn on_message(message: &str, id: u64) -> Result<(), UserError> {
//!     find(id).await?;
//!     Ok(())
//! }
//! # }
//! ```
//!
//! # On an `impl` block
//!
//! An attribute on an `impl` block, of a type or of a trait, covers every async method that returns
//! a `Result`. All of them share one policy and one state: a circuit breaker that the attribute
//! doesn't name belongs to the block and is named after the type, and so does the retry budget.
//!
//! ```
//! # #[cfg(all(feature = "macros", feature = "tokio"))] {
//! # #[derive(Debug, thiserror::Error, resilience::ServiceError)]
//! # enum OrderError {
//! #     #[error(transparent)]
//! #     #[service(transparent)]
//! #     Rejected(#[from] resilience::Rejected),
//! # }
//! # struct Order;
//! use resilience::{circuit_breaker, degrade, retry, timeout};
//!
//! struct Orders {
//!     // … a client …
//! }
//!
//! #[retry(idempotent)]
//! #[circuit_breaker(failure_threshold = 5)]
//! #[timeout("2s")]
//! impl Orders {
//!     async fn find(&self, id: u64) -> Result<Order, OrderError> {
//!         // …
//! #       let _ = id;
//!         Ok(Order)
//!     }
//!
//!     #[retry(idempotency_key)] // in place of the block's
//!     async fn place(&self, order: &Order) -> Result<u64, OrderError> {
//!         // …
//! #       let _ = order;
//!         Ok(1)
//!     }
//!
//!     #[degrade(fallback = Vec::new())] // in addition, above the block's
//!     async fn recommended(&self, id: u64) -> Result<Vec<Order>, OrderError> {
//!         // …
//! #       let _ = id;
//!         Ok(vec![Order])
//!     }
//!
//!     #[resilience(skip)] // without layers
//!     async fn export(&self) -> Result<Vec<Order>, OrderError> {
//!         // …
//!         Ok(Vec::new())
//!     }
//! }
//! # }
//! ```
//!
//! - **A method's own attribute** replaces the block's of the same kind, with its options and
//!   state. One of another kind goes below the block's layers, or above them if the order demands
//!   it. An own `service`, `classify` or `rejected` replaces that of the block.
//! - **`#[resilience(skip)]`** leaves a method out, and its own attributes stay. `pub_only`, on
//!   any of the block's attributes, leaves out the methods without `pub`. Use them for helpers
//!   that other methods of the block call: their failures would be retried and counted twice.
//! - **Other methods stay as they are**: those that aren't async, or don't return a `Result`. A
//!   `Result` is recognized by a name that ends with `Result`. An alias with another name is a
//!   compile error. Methods that a macro generates inside the block aren't covered.
//! - **Events** have the method's name as `function`. It is also the `service`, unless the
//!   attributes set one or name a breaker.
//! - **Expressions** can use `self`, and arguments that all methods have. `clone(…)`, `operation`
//!   and an `idempotency_key` with a value are for one method, and go on that method.
//! - **`#[degrade]`, `#[transaction]` and `#[dead_letter]`** go on methods. A fallback has the type
//!   of one method, each method that another one calls would begin a transaction of its own, and a
//!   queue has one handler.
//! - **In a generic `impl`**, a breaker must be named, or `shared` by all types.
//! - **`#[async_trait]`** can be above or below.
//!
//! # Functions that aren't async
//!
//! | attribute | on a function that isn't async |
//! |---|---|
//! | `#[boundary]`, `#[degrade]`, `#[circuit_breaker]` | as on an async one; a fallback can't use `.await` |
//! | `#[retry]` | its delays block the thread, which [`blocking`](macro@retry#functions-that-arent-async) allows |
//! | `#[timeout]` | doesn't compile: such a function can't be interrupted |
//! | `#[dead_letter]` | doesn't compile: storing a letter is async |
//! | `#[transaction]` | doesn't compile: SQLx is async |
//! | an attribute on an `impl` | leaves such methods as they are; write it on them |
//!
//! # Where to look
//!
//! | to | see |
//! |---|---|
//! | use an attribute: options, defaults, equivalent code, recipes | [`boundary`](macro@boundary), `dead_letter`, [`degrade`](macro@degrade), [`retry`](macro@retry), [`circuit_breaker`](macro@circuit_breaker), [`timeout`](macro@timeout), `transaction` |
//! | classify errors | [`ServiceError`](macro@ServiceError), [`Classify`], [`Classification`], [`errors`] |
//! | use the layers without macros | [`Boundary`], [`Degrade`], [`Retry`], [`RetryBudget`], [`CircuitBreaker`], [`Timeout`], `sql::Transaction` |
//! | read the attempt, the idempotency key or the time left inside a call | [`context()`] |
//! | inspect and control circuit breakers, inspect retry budgets | [`registry()`] |
//! | learn whether a value is live, stale or a fallback | [`Sourced`] |
//! | store messages that can't be processed, and replay them | `dead_letter`, with the feature `dead-letter` |
//! | turn an integration off at run time | [`Flag`], [`flags()`](flags) |
//! | log each failure once | [`report`](report()), [`report::Report`], [`RequestContext`] |
//! | be notified when failures continue | [`on_alert`], [`alert::AlertPolicy`] |
//! | shut down after a fatal error, set the exit code | [`shutdown::requested`], [`exit_code`] |
//! | handle HTTP error statuses of a callee, answer with a `Problem` | [`http`] |
//! | set up all of this for axum with one layer | `axum` |
//! | report invalid fields of a request | [`FieldError`], `axum::Json`, `axum::Query`, `axum::Path` |
//! | export the error catalogue as JSON or Markdown | [`catalog`] |
//! | classify database errors, turn a violated constraint into your own error | [`sql`], [`sql::constraint`] |
//! | run a function in a transaction and repeat it after a conflict | `transaction`, with one of the `sqlx-*` features |
//! | call or serve gRPC | `tonic`, with the feature of that name |
//! | count and plot retries, fallbacks and rejections | `metrics`, with the feature of that name |
//! | test all of this | `testing`, with the feature of that name |
//!
//! # Events
//!
//! Events are emitted with [tracing](https://docs.rs/tracing) under the target `resilience`. The
//! message is the event's name.
//!
//! | event | level |
//! |---|---|
//! | `retry_scheduled`, `transaction_retry` | INFO |
//! | `retry_succeeded`, `transaction_succeeded`: after more than one attempt | DEBUG |
//! | `retry_stopped`, unless no attempt was made | WARN; DEBUG if the first attempt isn't retried because of the error itself |
//! | `retry_blocks_runtime`: a function that isn't async waits on a thread of a runtime | WARN, once per function |
//! | `transaction_stopped`, `transaction_rollback_failed` | WARN |
//! | `circuit_breaker_state_change` | WARN |
//! | `circuit_breaker_failure`, `circuit_breaker_rejected`, `call_timed_out` | DEBUG |
//! | `call_abandoned`: its caller dropped a call through a breaker | DEBUG |
//! | `graceful_degradation_activated`, `degradation_failed` | WARN |
//! | `message_sent_to_dlq`, `dead_letter_failed`: a message became a dead letter, or its letter isn't stored | WARN |
//! | `message_retry`: a message goes back to its source, without a letter | INFO |
//! | `flag_changed` | WARN |
//! | `flag_not_refreshed`, with `open-feature` | WARN, once until OpenFeature answers |
//! | `unclassified_error`, `option_out_of_range` | WARN, once per function |
//! | `idempotency_key_missing`, with `reqwest` or `tonic` | WARN |
//! | `shutdown_requested`: a fatal error was reported, or [`shutdown::request`] called | WARN, once per process |
//! | `alert_began` | WARN |
//! | `alert_over` | INFO |
//! | `request_layer_missing`, with `axum` or `tonic` | WARN, once per process |
//! | `request_rejected`, with `axum`: the request can't be read | DEBUG |
//! | `request_abandoned`, with `axum` or `tonic`: the client disconnected before the response was complete | INFO |
//!
//! None of these is the log record of an error: a failure that is retried or handled isn't one yet.
//! Error records have the target `resilience::report`, and a message that begins with
//! `expected_error`, `unexpected_error` or `critical_error`; [`report::Report`] lists their fields.
//! Further boundaries that the same error passes log `already_reported` at DEBUG. At INFO and
//! above, a failed attempt makes one line, which is the decision about it.
//!
//! Error text is redacted in all of them: the URL of a `reqwest::Error` is reduced to its origin,
//! row values quoted by a database are left out unless [`sql::log_database_values`] allows them,
//! and credentials are masked in the [known forms](report::Report#known-forms).
//!
//! Every event and record describes an error in the same way: its text of at most 4096 bytes
//! (`error`, or `exception.message` in a record), and its causes (`error.chain`): a JSON array of
//! at most eight texts of at most 1024 bytes each. Control characters, line breaks and characters
//! that change the direction of text are escaped, as in `\n` and `\u{1b}`, so an error can't begin
//! a line of its own or control a terminal. No more than 64 KiB of an error's text are formatted.
//!
//! Events of a layer have the fields `request_id`, if there is a
//! [`RequestContext`](crate::RequestContext), `service`, the label of all layers of a function,
//! `function`, and `dependency`, if one is known: the breaker's name, the callee that the error
//! names, or the label. So do error records, with `function` and `service` if they are of a
//! `#[boundary]`: a search for a request's id finds all of them. `service` and `function` default
//! to the function's bare name, so give methods with common names such as `get` a label:
//! `#[retry(service = "orders", …)]`.
//!
//! # Features
//!
//! The default features are `macros`, `tokio` and `boundary`.
//!
//! - `macros`: the attributes and `#[derive(ServiceError)]`.
//! - `tokio`: the layers and their events.
//! - `boundary`: request contexts, log records, alerts, shutdown and exit codes.
//! - `lapin`, `async-nats`, `redis`: `Classify` for the errors of these clients.
//! - `reqwest`, `tonic`, `tower`, `anyhow`, `boxed`: `Classify` for the errors of these crates, and
//!   for boxed errors. `axum` includes `tower`.
//! - `validator`, `garde`: `Classify`, with field errors, for what `validate` of these crates
//!   returns.
//! - `sqlx-postgres`, `sqlx-mysql`, `sqlx-sqlite`: `Classify` for `sqlx::Error`, and
//!   `#[transaction]`.
//! - `http`: the response type `Problem`, and the catalogue as JSON and Markdown.
//! - `axum`: `Problem` as an axum response, and the request layer.
//! - `metrics`: metrics of the layers, through the facade of that name.
//! - `dead-letter`: `#[dead_letter]`, letters, and the trait of their stores.
//! - `stale`: the last good value of a call, for `#[degrade(stale(…))]`.
//! - `open-feature`: flags as OpenFeature has them.
//! - `tracing-error`: span traces in log records.
//! - `testing`: isolated tests, recorded events, scripted callees; for `[dev-dependencies]`.
//!
//! With `default-features = false`, the taxonomy remains, and the derive if `macros` is on.

//!
//! # Nesting order
//!
//! The topmost attribute is the outermost layer. "once" means that a second one doesn't compile.
//!
#![cfg_attr(feature = "macros", doc = include_str!("docs/order.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
pub mod axum;
#[cfg(feature = "boundary")]
mod boundary;
mod error;
pub mod http;
#[cfg(feature = "tokio")]
mod layer;
mod observe;
mod private;
pub mod sql;
mod support;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
#[cfg(feature = "tonic")]
#[cfg_attr(docsrs, doc(cfg(feature = "tonic")))]
pub mod tonic;

/// Called by the macros' expansion. Not part of the public API: anything here can change at any
/// time.
#[doc(hidden)]
pub mod __private {
    pub use crate::private::*;
}
#[doc(hidden)]
pub use private::old_paths::*;

#[cfg(feature = "macros")]
#[doc = include_str!("docs/service_error.md")]
pub use resilience_macros::ServiceError;
#[cfg(all(feature = "macros", feature = "boundary"))]
#[doc = include_str!("docs/boundary.md")]
pub use resilience_macros::boundary;
#[cfg(all(feature = "macros", feature = "tokio"))]
#[doc = include_str!("docs/circuit_breaker.md")]
pub use resilience_macros::circuit_breaker;
#[cfg(all(feature = "macros", feature = "dead-letter"))]
#[doc = include_str!("docs/dead_letter.md")]
pub use resilience_macros::dead_letter;
#[cfg(all(feature = "macros", feature = "tokio"))]
#[doc = include_str!("docs/degrade.md")]
pub use resilience_macros::degrade;
#[cfg(all(feature = "macros", feature = "tokio"))]
#[doc = include_str!("docs/retry.md")]
pub use resilience_macros::retry;
#[cfg(all(feature = "macros", feature = "tokio"))]
#[doc = include_str!("docs/timeout.md")]
pub use resilience_macros::timeout;
// Not `_sqlx`: if no driver is enabled, the compiler suggests the features listed here.
#[cfg(all(
    feature = "macros",
    any(feature = "sqlx-postgres", feature = "sqlx-mysql", feature = "sqlx-sqlite")
))]
#[doc = include_str!("docs/transaction.md")]
pub use resilience_macros::transaction;

pub use error::ready_made as errors;
pub use error::taxonomy::{
    self, Advice, Alert, Category, Classification, Classify, FieldError, Rejected, Sensitive, Sent,
    ServiceError, Severity, catalog,
};
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use http::Problem;
pub use support::duration::{millis, secs};

#[cfg(feature = "tokio")]
pub use layer::{
    circuit_breaker::{self, CircuitBreaker, CircuitBreakers},
    context::{CallContext, context},
    degrade::{self, Degrade, Flag, Sourced, flags},
    registry::{self, registry},
    retry::{self, Retry, RetryBudget},
    timeout::{self, Timeout},
};

#[cfg(feature = "dead-letter")]
#[cfg_attr(docsrs, doc(cfg(feature = "dead-letter")))]
pub use layer::dead_letter;
#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub use observe::metrics;

#[cfg(feature = "boundary")]
pub use boundary::{
    Boundary,
    exit::{self, exit_code},
    report::{self, report},
    request::{self, RequestContext, spawn},
    shutdown,
};
#[cfg(feature = "boundary")]
pub use observe::alert::{self, on_alert};
