use std::panic::Location;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use axum::body::Body;
use axum::extract::{FromRequestParts as _, MatchedPath, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, Uri};
use axum::routing::any;
use axum::{Extension, Router};
use tower_service::Service as _;
use tracing::Span;

use super::settings::Settings;
use crate::{RequestContext, request::RequestId};

/// The state of one request: its context, its span and the layer's settings.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub(super) context: RequestContext,
    pub(super) settings: Arc<Settings>,
    pub(super) is_head: bool,
    span: Span,
}

/// An extension that an outer layer leaves for inner ones.
#[derive(Debug, Clone)]
struct OuterScope {
    context: RequestContext,
    span: Span,
    place: &'static Location<'static>,
}

/// Where the layer of a request was created, if there is one.
pub(super) fn place(extensions: &Extensions) -> Option<&'static Location<'static>> {
    extensions.get::<OuterScope>().map(|outer| outer.place)
}

impl Scope {
    /// Begins a request. Returns `None` if an outer layer already has, and only adds the route to
    /// it.
    pub(super) fn begin(settings: &Arc<Settings>, parts: &mut Parts) -> Option<Self> {
        let matched = parts.extensions.get::<MatchedPath>().cloned();
        let nested = if matched.is_none() { nested(parts) } else { None };
        let route = matched.as_ref().map(MatchedPath::as_str).or(nested.as_deref());
        let Parts { method, headers, extensions, .. } = parts;
        if let Some(OuterScope { context, span, .. }) = extensions.get() {
            if let Some(route) = route {
                context.set_operation(operation(method, Some(route)));
                span.record("route", route);
            }
            return None;
        }
        let context = RequestContext::current()
            .unwrap_or_else(|| RequestContext::with_request_id(request_id(settings, headers)));
        context.set_operation(operation(method, route));
        let span = tracing::info_span!(
            target: "resilience", "request", request_id = context.request_id().as_str(), method = method.as_str(), route,
        );
        extensions.insert(OuterScope {
            context: context.clone(),
            span: span.clone(),
            place: settings.place,
        });
        Some(Self {
            context,
            span,
            settings: Arc::clone(settings),
            is_head: *method == Method::HEAD,
        })
    }

    /// Runs a function in the request's context and span.
    pub(super) fn enter<T>(&self, function: impl FnOnce() -> T) -> T {
        self.context.clone().sync_scope(|| self.span.in_scope(function))
    }

    /// Drops something in the request's context and span.
    pub(super) fn drop_within(&self, drops: impl FnOnce()) {
        self.context.clone().drop_within(&self.span, drops);
    }

    /// Adds the request id to a response's headers.
    pub(super) fn set_request_id(&self, headers: &mut HeaderMap) {
        // Every valid `RequestId` is a valid header value.
        if let Ok(id) = HeaderValue::from_str(self.context.request_id().as_str()) {
            headers.insert(&self.settings.request_id_header, id);
        }
    }
}

/// The client's request id if it is valid and accepted, otherwise a new one.
fn request_id(settings: &Settings, headers: &HeaderMap) -> RequestId {
    let mut given =
        headers.get_all(&settings.request_id_header).iter().filter(|_| settings.accept_request_ids);
    match (given.next(), given.next()) {
        // If there are two ids, trust neither.
        (Some(only), None) => only.to_str().ok().and_then(RequestId::parse),
        _ => None,
    }
    .unwrap_or_else(RequestId::new)
}

/// The place of a service that was added with `nest_service`, such as `/files/{*rest}`.
///
/// axum keeps it from layers, and shows it to a router inside. So this asks one.
fn nested(parts: &mut Parts) -> Option<String> {
    static INSIDE: OnceLock<Router> = OnceLock::new();
    const ROUTE: &str = "/{*rest}";

    // Outside of a router there is nothing to ask for.
    ready(RawPathParams::from_request_parts(parts, &()))?.ok()?;
    let inside = INSIDE.get_or_init(|| {
        Router::new().route(ROUTE, any(async |matched: MatchedPath| Extension(matched)))
    });
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = Uri::from_static("/rest");
    *request.extensions_mut() = parts.extensions.clone();
    let Ok(response) = ready(inside.clone().call(request))?;
    let matched = response.extensions().get::<MatchedPath>()?.as_str();
    (matched != ROUTE).then(|| matched.to_owned())
}

/// The value of a future that doesn't wait.
fn ready<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

fn operation(method: &Method, route: Option<&str>) -> String {
    // Clients can send any method. Using only the standard ones bounds the number of operations.
    let standard = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
        Method::CONNECT,
    ];
    let method = if standard.contains(method) { method.as_str() } else { "OTHER" };
    match route {
        Some(route) => format!("{method} {route}"),
        None => method.to_owned(),
    }
}
