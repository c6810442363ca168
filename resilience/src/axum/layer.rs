use std::borrow::Cow;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use tower_layer::Layer;

use super::RequestService;
use super::settings::Settings;
use crate::boundary::panics;
use crate::http::BodyFormat;

/// Creates a [`RequestLayer`] with the defaults.
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

/// Gives every request a [`RequestContext`](crate::RequestContext), and all failures the same
/// format.
///
/// - **Request id**: taken from the header `x-request-id` if it occurs once and is
///   [valid](crate::request::RequestId::parse), otherwise generated. Every response carries it in
///   the same header.
/// - **Operation**: the handler and a streamed body run in a context whose operation is, for
///   example, `GET /users/{id}`. If no route matches, the operation is only the method, because
///   clients can request any number of paths. A service added with `nest_service` at `/files` has
///   `GET /files/{*rest}`.
/// - **Span**: both run in a span `request` at level INFO with the fields `request_id`, `method`
///   and `route`.
/// - **Rejections** by axum itself become a [`Problem`](crate::http::Problem): 404, 405, a body
///   that isn't JSON, is too large or has the wrong type, parameters that don't parse. So does
///   every response of 400 and above whose body is plain text or empty, including those of
///   handlers, unless [`keep_text_answers`](Self::keep_text_answers) is set. The text becomes the
///   `detail` below 500 if it has at most 8 KiB and isn't compressed, and is logged instead from 500
///   on. Where axum's text says which field is invalid, the field is in `errors`, without the value
///   and without names of Rust's types; [`Json`](super::Json), [`Query`](super::Query) and
///   [`Path`](super::Path) always say it, also below a layer that compresses. To keep the texts of
///   axum's own extractors for clients that accept compression, add the compression layer after
///   this one, so that it compresses the problems. Headers such as `Allow` are kept.
/// - **Statuses** that can't end a response (below 200, except 101, and from 600 on) become a 500,
///   and are logged as a bug.
/// - **Panics** of the handler or of a response body are logged as `unexpected_error` with the code
///   `PANIC`, the message and the location. The client receives the same 500 as for any other
///   error, or, mid-body, a connection that closes early.
/// - **Clients that disconnect** before the response is complete leave the event
///   `request_abandoned` at INFO, with the operation and the request id.
/// - **Body errors** while sending are logged with the classification of the error.
/// - **Successes** (any response below 400) are [recorded](crate::alert::success) for alerts. gRPC
///   responses are not, because all of them have status 200: `tonic::RequestContextLayer` records
///   those.
/// - All other bodies, such as JSON, HTML, streams and files, pass through unchanged.
///
/// Add it last, with [`Router::layer`](axum::Router::layer), so that it sees the route and covers
/// fallbacks and nested routers. `route_layer` doesn't run if no route
/// matches. A router passed to `nest_service` matches its routes after this layer has run: add a
/// `RequestLayer` to that router too, for more than its place. The inner layer only adds the route
/// to the existing context.
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
/// A successful request costs at most nine allocations, and as much time as tower-http's layers for
/// a request id, a span and caught panics: 0.97 times theirs with a generated id, 1.02 times with
/// the client's id (`cargo bench -p resilience-boundary-tests --bench request_layer`).
///
/// # Panic hook
///
/// The first use installs a panic hook that records the location of panics and then calls
/// the previous hook. If a hook set later doesn't call the one it replaces, records lack the
/// location.
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
    /// Creates the layer with the defaults. Log records without a more precise location have the
    /// location of this call.
    #[track_caller]
    pub fn new() -> Self {
        Self {
            settings: Arc::new(Settings {
                request_id_header: HeaderName::from_static("x-request-id"),
                accept_request_ids: true,
                format: None,
                problem_types: None,
                challenge: None,
                keep_text: false,
                timeout: None,
                time_left_header: None,
                place: Location::caller(),
            }),
        }
    }

    /// Sets the header in which the request id is received and sent. Default: `x-request-id`.
    #[must_use]
    pub fn request_id_header(self, name: HeaderName) -> Self {
        self.with(|settings| settings.request_id_header = name)
    }

    /// Generates a new id for every request and ignores the header. Use it for services that are
    /// directly reachable by untrusted clients.
    #[must_use]
    pub fn own_request_ids(self) -> Self {
        self.with(|settings| settings.accept_request_ids = false)
    }

    /// Sets the body format of all problems. By default each problem decides: RFC 9457, or
    /// [`plain`](crate::http::Problem::plain).
    #[must_use]
    pub fn body_format(self, format: BodyFormat) -> Self {
        self.with(|settings| settings.format = Some(format))
    }

    /// Sets the base URI of problem types. The `type` of a problem is this base followed by its
    /// code, such as `https://example.com/problems/NOT_FOUND`. Default: `about:blank`, which adds
    /// nothing to the status.
    #[must_use]
    pub fn problem_types(self, base: impl Into<Cow<'static, str>>) -> Self {
        let base = base.into();
        self.with(|settings| settings.problem_types = Some(base))
    }

    /// Sets the header `WWW-Authenticate` of 401 responses. Default: `Bearer`.
    #[must_use]
    pub fn challenge(self, challenge: HeaderValue) -> Self {
        self.with(|settings| settings.challenge = Some(challenge))
    }

    /// Keeps responses of 400 and above whose body is plain text or empty, including axum's own,
    /// instead of converting them to problems.
    #[must_use]
    pub fn keep_text_answers(self) -> Self {
        self.with(|settings| settings.keep_text = true)
    }

    /// Limits the time from the beginning of a request to its response. Default: no limit.
    ///
    /// When the time is up, the handler is dropped, and the client gets a 504 with the code
    /// `NETWORK_TIMEOUT`. The record names what [failed last](crate::Rejected::last_failure) inside.
    /// Annotated functions that the handler calls know the deadline: their retries begin no wait
    /// that would end after it, and [`context().remaining()`](crate::CallContext::remaining) is the
    /// time left. A body that is streamed afterwards isn't limited.
    ///
    /// Costs a read of the clock for each request, and a timer for each handler that has to wait.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use resilience::{axum::RequestLayer, secs};
    ///
    /// let app: Router =
    ///     Router::new().route("/", get(async || "hello")).layer(RequestLayer::new().timeout(secs(3)));
    /// ```
    ///
    /// # Panics
    /// Panics if `after` is zero. A handler that has to wait panics outside a tokio runtime with
    /// timers enabled, like `tokio::time::sleep`.
    #[must_use]
    pub fn timeout(self, after: Duration) -> Self {
        assert!(!after.is_zero(), "the timeout must be longer than zero");
        self.with(|settings| settings.timeout = Some(after))
    }

    /// Sets the header in which a client says for how many milliseconds it will still wait, such as
    /// Envoy's `x-envoy-expected-rq-timeout-ms`. It limits the request as [`timeout`](Self::timeout)
    /// does, and the shorter one applies. A header that isn't a whole number is ignored. Default:
    /// none is read.
    ///
    /// To tell a callee in the same way, use
    #[cfg_attr(
        feature = "reqwest",
        doc = "[`with_time_left`](crate::http::RequestExt::with_time_left)."
    )]
    #[cfg_attr(not(feature = "reqwest"), doc = "`with_time_left` of the feature `reqwest`.")]
    #[must_use]
    pub fn time_left_header(self, name: HeaderName) -> Self {
        self.with(|settings| settings.time_left_header = Some(name))
    }

    fn with(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S> Layer<S> for RequestLayer {
    type Service = RequestService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        panics::install_hook();
        RequestService::new(inner, Arc::clone(&self.settings))
    }
}
