use std::fmt;

use axum::body::Body;
use axum::http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, TRANSFER_ENCODING,
    WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::scope::Scope;
use super::status::is_final;
use crate::error::registry;
use crate::http::Problem;
use crate::support::once::OncePerProcess;
use crate::{
    Classification, Classify, Rejected, RequestContext, report::Report, taxonomy::Evidence,
};

/// Creates a complete response, even without the layer. The problem is also stored in the
/// response's extensions, where [`RequestLayer`](super::RequestLayer) finds it to apply its own
/// settings, and where your own layers can read it.
///
/// Outside a request context, the response has no request id, and an error that passes several
/// boundaries is logged at each. The layer is probably missing then, so the warning
/// `request_layer_missing` is logged once per process.
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if !RequestContext::is_there() {
            warn_layer_missing();
        }
        let mut response = Response::new(Body::empty());
        write(self, &mut response, None);
        response
    }
}

fn warn_layer_missing() {
    static WARNED: OncePerProcess = OncePerProcess::new();
    if WARNED.is_first() {
        tracing::warn!(
            target: "resilience",
            help = "add `.layer(resilience::axum::RequestLayer::new())` to the router, as its last layer",
            "request_layer_missing"
        );
    }
}

/// Removes the stored problem if another layer has replaced the body with one of another type, such
/// as an HTML error page.
pub(super) fn discard_if_replaced(response: &mut Response) {
    let expected =
        response.extensions().get::<Problem>().map(|problem| problem.format().content_type());
    let actual = response
        .headers()
        .get(CONTENT_TYPE)
        .map(|actual| actual.as_bytes().split(|byte| *byte == b';').next());
    let actual = actual.flatten().unwrap_or_default().trim_ascii();
    if expected.is_some_and(|expected| !actual.eq_ignore_ascii_case(expected.as_bytes())) {
        response.extensions_mut().remove::<Problem>();
    }
}

/// Rewrites a stored problem with the layer's settings. A body that has since been encoded is
/// replaced too, so that all clients get the same problem.
pub(super) fn rewrite_problem(response: &mut Response, scope: &Scope) {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        // A handler may have overridden the status. If it isn't an error status, this is no longer
        // a problem.
        match response.status().as_u16() {
            status if !is_final(status) => {
                write(problem.with_status(500), response, Some(scope));
            }
            status if status >= 400 => write(problem.with_status(status), response, Some(scope)),
            _ => {}
        }
    }
}

/// The response to a request that took too long.
pub(super) fn for_timeout(rejected: Rejected, scope: &Scope) -> Response {
    let place = scope.settings.place;
    Report::new(&rejected).at(place.file(), place.line()).emit();
    let mut response = Response::new(Body::empty());
    write(Problem::of(&rejected), &mut response, Some(scope));
    response
}

/// The response to a panic: the same as for any other internal error.
pub(super) fn for_panic(scope: &Scope) -> Response {
    let mut response = Response::new(Body::empty());
    write(Problem::new(500, "INTERNAL_ERROR"), &mut response, Some(scope));
    response
}

/// Reports a body that failed while it was sent. The response itself can't be changed any more.
pub(super) fn report_body_error(error: &axum::Error, scope: &Scope) {
    let place = scope.settings.place;
    Report::new(&BodyError(error)).at(place.file(), place.line()).emit();
}

/// Writes the problem's status, headers and body into a response. Other headers are kept.
pub(super) fn write(mut problem: Problem, response: &mut Response, scope: Option<&Scope>) {
    if let Some(scope) = scope {
        problem = problem.with_request_id(scope.context.request_id().clone());
        if let Some(format) = scope.settings.format {
            problem = problem.with_format(format);
        }
        if let (false, Some(base)) = (problem.has_type(), &scope.settings.problem_types) {
            let uri = format!("{base}{}", problem.code());
            problem = problem.with_type(uri);
        }
    }
    *response.status_mut() =
        StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(problem.format().content_type()));
    // Both describe the replaced body. A response with `transfer-encoding` and `content-length`
    // isn't sent at all.
    headers.remove(CONTENT_ENCODING);
    headers.remove(TRANSFER_ENCODING);
    if let Some(seconds) = problem.retry_after() {
        headers.entry(RETRY_AFTER).or_insert_with(|| seconds.into());
    }
    set_challenge(&problem, headers, scope);
    let body = problem.body();
    headers.insert(CONTENT_LENGTH, body.len().into());
    *response.body_mut() =
        if scope.is_some_and(|scope| scope.is_head) { Body::empty() } else { body.into() };
    response.extensions_mut().insert(problem);
}

/// Sets `WWW-Authenticate` to the problem's own challenge, else the layer's, else the default.
/// Keeps a header set by a handler.
fn set_challenge(problem: &Problem, headers: &mut HeaderMap, scope: Option<&Scope>) {
    let Some(own) = problem.challenge() else { return };
    let settings = scope.and_then(|scope| scope.settings.challenge.as_ref());
    match (headers.get(WWW_AUTHENTICATE), settings) {
        (None, Some(layers)) if !problem.has_challenge() => {
            headers.insert(WWW_AUTHENTICATE, layers.clone());
        }
        // The default, written when the problem became a response.
        (Some(default), Some(layers)) if !problem.has_challenge() && default == own => {
            headers.insert(WWW_AUTHENTICATE, layers.clone());
        }
        (None, _) => {
            if let Ok(own) = HeaderValue::from_str(own) {
                headers.insert(WWW_AUTHENTICATE, own);
            }
        }
        (Some(_), _) => {}
    }
}

/// The error of a body that failed while it was sent.
struct BodyError<'e>(&'e axum::Error);

impl fmt::Display for BodyError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the response body failed: {}", self.0)
    }
}

impl Classify for BodyError<'_> {
    fn classify(&self) -> Classification {
        registry::classify(self.0).unwrap_or(Classification::unclassified())
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self.0)
    }
}
