use std::sync::Arc;

use axum::extract::MatchedPath;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method};
use tracing::Span;

use super::settings::Settings;
use crate::{RequestContext, request::RequestId};

/// What holds while one request is served: its context, its span, and how it is to be answered.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub(super) context: RequestContext,
    pub(super) settings: Arc<Settings>,
    pub(super) head: bool,
    span: Span,
}

/// Tells an inner layer that an outer one has begun the request.
#[derive(Debug, Clone)]
struct Begun {
    context: RequestContext,
    span: Span,
}

impl Scope {
    /// Begins a request; `None` if an outer layer has done so, which then only learns the route.
    pub(super) fn begin(
        settings: &Arc<Settings>,
        method: &Method,
        headers: &HeaderMap,
        extensions: &mut Extensions,
    ) -> Option<Self> {
        let route = extensions.get::<MatchedPath>().cloned();
        let route = route.as_ref().map(MatchedPath::as_str);
        if let Some(Begun { context, span }) = extensions.get() {
            if let Some(route) = route {
                context.set_operation(operation(method, Some(route)));
                span.record("route", route);
            }
            return None;
        }
        let context = RequestContext::current()
            .unwrap_or_else(|| RequestContext::with_request_id(name(settings, headers)));
        context.set_operation(operation(method, route));
        let span = tracing::info_span!(
            target: "resilience", "request", request_id = context.request_id().as_str(), method = method.as_str(), route,
        );
        extensions.insert(Begun { context: context.clone(), span: span.clone() });
        Some(Self { context, span, settings: Arc::clone(settings), head: method == Method::HEAD })
    }

    /// Runs a function in the request's context and span.
    pub(super) fn enter<T>(&self, function: impl FnOnce() -> T) -> T {
        self.context.clone().sync_scope(|| self.span.in_scope(function))
    }

    /// Drops something in the request's context and span.
    pub(super) fn drop_within(&self, drops: impl FnOnce()) {
        self.context.clone().drop_within(&self.span, drops);
    }

    /// Tells the request id.
    pub(super) fn sign(&self, headers: &mut HeaderMap) {
        // What `RequestId` accepts is fit for a header.
        if let Ok(id) = HeaderValue::from_str(self.context.request_id().as_str()) {
            headers.insert(&self.settings.request_id_header, id);
        }
    }
}

fn name(settings: &Settings, headers: &HeaderMap) -> RequestId {
    let mut given = headers
        .get_all(&settings.request_id_header)
        .iter()
        .filter(|_| settings.accepts_request_ids);
    match (given.next(), given.next()) {
        // Of two names none can be trusted.
        (Some(only), None) => only.to_str().ok().and_then(RequestId::parse),
        _ => None,
    }
    .unwrap_or_else(RequestId::new)
}

fn operation(method: &Method, route: Option<&str>) -> String {
    // A method is the client's own word as well: only the usual ones are few.
    let usual = [
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
    let method = if usual.contains(method) { method.as_str() } else { "OTHER" };
    match route {
        Some(route) => format!("{method} {route}"),
        None => method.to_owned(),
    }
}
