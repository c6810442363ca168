use std::borrow::Cow;
use std::panic::Location;
use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue};
use tower_layer::Layer;

use super::RequestService;
use super::settings::Settings;
use crate::boundary::panics;
use crate::http::BodyFormat;

/// A [`RequestLayer`] with the defaults.
///
/// ```
/// use axum::{Router, routing::get};
///
/// let app: Router = Router::new().route("/", get(async || "hello")).layer(resilience::axum::layer());
/// ```
#[track_caller]
pub fn layer() -> RequestLayer {
    RequestLayer::new()
}

/// Gives every request its context, and every failure the same form.
///
/// - The **request id** is that of the header `x-request-id`, if it is
///   [fit](crate::request::RequestId::parse) for logs and stands there once; else a new one is made. Every
///   response tells it in the same header.
/// - The handler runs in a [`RequestContext`](crate::RequestContext) with the **operation** `GET
///   /users/{id}`, and so does a streamed body. A request that no route matches has its method
///   alone as the operation: paths are as many as clients can think of.
/// - Both run in a **span** `request` with the fields `request_id`, `method` and `route`, at the
///   level of information.
/// - **What axum answers by itself** becomes a [`Problem`](crate::http::Problem): 404, 405, a body
///   that isn't JSON, that is too large or of the wrong type, parameters that don't parse. So does
///   every answer of 400 and above whose body is plain text or empty, a handler's own too, unless
///   [`keep_text_answers`](Self::keep_text_answers). The text becomes the `detail` below 500; from
///   500 on it goes to the log instead. Headers such as `Allow` stay. [`Json`](super::Json) says
///   more: which field it was.
/// - A **panic** of the handler, or of its body while that is sent, is an `unexpected_error` in the
///   log, code `PANIC`, with message and place; the client gets a 500 that doesn't tell it from any
///   other, or, in the middle of a body, a connection that ends early.
/// - A body that **fails** while it is sent is logged as what its error is.
/// - A **success**, an answer below 400, is [told](crate::alert::success) to the alerts. Of gRPC
///   its own layer tells, `tonic::RequestContextLayer`, since those answers are all 200.
/// - Every other body is left as it is: JSON, HTML, streams, files. Its bytes pass through
///   untouched.
///
/// Put it last, by [`Router::layer`](axum::Router::layer): it then sees the route, and holds for
/// fallbacks and nested routers. Routers that were given to `nest_service` know their routes only
/// themselves: give them a `RequestLayer` as well, which then adds the route to what the outer one
/// has begun, and does nothing else. `route_layer` doesn't see a request that no route matches.
///
/// ```
/// use axum::{Router, http::HeaderName, routing::get};
/// use resilience::{axum::RequestLayer, http::BodyFormat};
///
/// let app: Router = Router::new()
///     .route("/", get(async || "hello"))
///     .layer(
///         RequestLayer::new()
///             .request_id_header(HeaderName::from_static("x-correlation-id"))
///             .body_format(BodyFormat::Plain),
///     );
/// ```
///
/// # Cost
///
/// Of a request that succeeds: nine allocations at most, and as long as tower-http's layers take
/// for a request id, a span and caught panics: 0.97 times that where the id is made, 1.02 times
/// where it is the client's (`cargo bench -p resilience-boundary-tests --bench request_layer`).
///
/// # Panics
///
/// The layer itself doesn't. When it is first put on something it hangs itself in front of the
/// process's panic hook, to learn the place of a panic; the hook that was there runs as before. A
/// hook that is set later, and doesn't call the one that it replaces, takes the place out of the
/// records.
#[derive(Debug, Clone)]
pub struct RequestLayer {
    settings: Arc<Settings>,
}

impl Default for RequestLayer {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl RequestLayer {
    /// The layer with the defaults. What has no better place in the log has that of this call.
    #[track_caller]
    pub fn new() -> Self {
        Self {
            settings: Arc::new(Settings {
                request_id_header: HeaderName::from_static("x-request-id"),
                accepts_request_ids: true,
                format: None,
                problem_types: None,
                challenge: None,
                keeps_text: false,
                place: Location::caller(),
            }),
        }
    }

    /// The header that the request id comes from and goes to. By default `x-request-id`.
    #[must_use]
    pub fn request_id_header(self, name: HeaderName) -> Self {
        self.with(|settings| settings.request_id_header = name)
    }

    /// Makes a new request id for every request, whatever its header says: for a service that
    /// strangers reach directly.
    #[must_use]
    pub fn own_request_ids(self) -> Self {
        self.with(|settings| settings.accepts_request_ids = false)
    }

    /// The form of all problems' bodies. By default RFC 9457's, and for a problem that is
    /// [`plain`](crate::http::Problem::plain) that.
    #[must_use]
    pub fn body_format(self, format: BodyFormat) -> Self {
        self.with(|settings| settings.format = Some(format))
    }

    /// Where the types of problems are explained: `type` is this address followed by the code, such
    /// as `https://example.com/problems/NOT_FOUND`. By default `about:blank`, which says that the status is all there is to know.
    #[must_use]
    pub fn problem_types(self, base: impl Into<Cow<'static, str>>) -> Self {
        let base = base.into();
        self.with(|settings| settings.problem_types = Some(base))
    }

    /// What a 401 says in its header `WWW-Authenticate`. By default `Bearer`.
    #[must_use]
    pub fn challenge(self, challenge: HeaderValue) -> Self {
        self.with(|settings| settings.challenge = Some(challenge))
    }

    /// Leaves answers of 400 and above alone whose body is plain text or empty, axum's own
    /// included.
    #[must_use]
    pub fn keep_text_answers(self) -> Self {
        self.with(|settings| settings.keeps_text = true)
    }

    fn with(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S> Layer<S> for RequestLayer {
    type Service = RequestService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        panics::watch();
        RequestService::new(inner, Arc::clone(&self.settings))
    }
}
