use std::fmt;
use std::sync::Once;

use axum::body::Body;
use axum::http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, TRANSFER_ENCODING,
    WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::scope::Scope;
use crate::error::registry;
use crate::http::Problem;
use crate::{Classification, Classify, RequestContext, report::Report, taxonomy::Evidence};

/// The answer, complete without the layer as well. The problem itself is among the response's
/// extensions, where a [`RequestLayer`](super::RequestLayer) finds it and brings it into the form
/// that it is set to, and where your own layers can look at it.
///
/// Outside of a request's context there is no request id to tell, and an error that passes several
/// boundaries is logged at each. Where an answer is made there, a layer has been forgotten: the
/// event `request_layer_missing`, a warning, says so once per process.
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if !RequestContext::is_there() {
            layer_is_missing();
        }
        let mut response = Response::new(Body::empty());
        write(self, &mut response, None);
        response
    }
}

fn layer_is_missing() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        tracing::warn!(
            target: "resilience",
            help = "add `.layer(resilience::axum::RequestLayer::new())` to the router, as its last layer",
            "request_layer_missing"
        );
    });
}

/// Forgets a problem whose answer has got another body, of another type, on its way: such as a page
/// that says it to people.
pub(super) fn forget_replaced(response: &mut Response) {
    let kind =
        response.extensions().get::<Problem>().map(|problem| problem.format().content_type());
    let now = response
        .headers()
        .get(CONTENT_TYPE)
        .map(|now| now.as_bytes().split(|byte| *byte == b';').next());
    let now = now.flatten().unwrap_or_default().trim_ascii();
    if kind.is_some_and(|kind| !now.eq_ignore_ascii_case(kind.as_bytes())) {
        response.extensions_mut().remove::<Problem>();
    }
}

/// Brings a problem that comes by into the layer's form, unless somebody has encoded its body
/// meanwhile. That of a server error is written anew all the same: its status may be younger than
/// its body.
pub(super) fn settle(response: &mut Response, scope: &Scope) {
    if response.headers().contains_key(CONTENT_ENCODING) && !response.status().is_server_error() {
        return;
    }
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        // A handler may have put a status of its own around the problem, and one that is no error
        // is no problem any more.
        let status = response.status();
        if status.is_client_error() || status.is_server_error() {
            write(problem.with_status(status.as_u16()), response, Some(scope));
        }
    }
}

/// A panic has no answer of its own: it is a 500 like any other.
pub(super) fn to_panic(scope: &Scope) -> Response {
    let mut response = Response::new(Body::empty());
    write(Problem::new(500, "INTERNAL_ERROR"), &mut response, Some(scope));
    response
}

/// Writes the log record of a body that failed while it was sent: the client can't be told any
/// more.
pub(super) fn report_broken(error: &axum::Error, scope: &Scope) {
    let ours = scope.settings.place;
    Report::new(&Broken(error)).at(ours.file(), ours.line()).emit();
}

/// Status, headers and body; other headers stay.
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
    // They told of the body that was there; and with two kinds of length the answer wouldn't be
    // sent at all.
    headers.remove(CONTENT_ENCODING);
    headers.remove(TRANSFER_ENCODING);
    if let Some(seconds) = problem.retry_after() {
        headers.entry(RETRY_AFTER).or_insert_with(|| seconds.into());
    }
    challenge(&problem, headers, scope);
    let body = problem.body();
    headers.insert(CONTENT_LENGTH, body.len().into());
    *response.body_mut() =
        if scope.is_some_and(|scope| scope.head) { Body::empty() } else { body.into() };
    response.extensions_mut().insert(problem);
}

/// Of a problem's own, the layer's and the default, the first that there is; a header that a
/// handler has set stays.
fn challenge(problem: &Problem, headers: &mut HeaderMap, scope: Option<&Scope>) {
    let Some(own) = problem.challenge() else { return };
    let settings = scope.and_then(|scope| scope.settings.challenge.as_ref());
    match (headers.get(WWW_AUTHENTICATE), settings) {
        (None, Some(layers)) if !problem.has_challenge() => {
            headers.insert(WWW_AUTHENTICATE, layers.clone());
        }
        // The default, which the problem got when it became a response.
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

/// What a body failed with.
struct Broken<'e>(&'e axum::Error);

impl fmt::Display for Broken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the body broke off: {}", self.0)
    }
}

impl Classify for Broken<'_> {
    fn classify(&self) -> Classification {
        registry::find(self.0).map_or(Classification::unclassified(), Classify::classify)
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self.0)
    }
}
