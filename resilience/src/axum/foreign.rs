//! Answers that aren't problems yet: axum's own rejections, and handlers' bare statuses and texts.

use std::error::Error;
use std::fmt;

use axum::body::{Body, HttpBody};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::response::Response;
use http_body_util::{BodyExt, Limited};

use super::answer;
use super::scope::Scope;
use crate::http::Problem;
use crate::{Classification, Classify, report::Report, taxonomy::Evidence};

/// The longest text that becomes a detail or goes to the log, in bytes.
pub(super) const LONGEST: usize = 8 * 1024;

/// Whether an answer is to become a problem.
pub(super) fn is_foreign(response: &Response, scope: &Scope) -> bool {
    is_bare(response)
        && !scope.settings.keeps_text
        && response.extensions().get::<Problem>().is_none()
}

/// An error's status, and a body that is plain text or nothing.
fn is_bare(response: &Response) -> bool {
    let (status, body) = (response.status(), response.body());
    let encoded = response.headers().contains_key(CONTENT_ENCODING);
    // What a server error says is not for clients, however it is encoded.
    if !(status.is_server_error() || status.is_client_error() && !encoded) {
        return false;
    }
    let size = body.size_hint().exact();
    // A text of a client error that isn't at hand in full is somebody's stream, and what is that
    // long is somebody's page.
    let fits = status.is_server_error() || size.is_some_and(|size| size <= LONGEST as u64);
    match response.headers().get(CONTENT_TYPE) {
        Some(kind) => is_text(kind) && fits,
        // What a server error says without saying in what form is not for clients.
        None => status.is_server_error() || size == Some(0),
    }
}

/// The problem in place of a bare answer. Below 500 the text is its detail; from there on the log
/// gets it.
pub(super) async fn problem(response: Response, scope: Scope) -> Response {
    let (parts, body) = response.into_parts();
    let status = parts.status.as_u16();
    let encoded = parts.headers.contains_key(CONTENT_ENCODING);
    let text = if encoded { None } else { text(body).await };
    let bare = Bare { status, text };
    let mut problem = Problem::of(&bare);
    if status >= 500 {
        let ours = scope.settings.place;
        Report::new(&bare).at(ours.file(), ours.line()).emit();
    } else if let Some(text) = bare.text {
        problem = problem.with_detail(text);
    }
    note(&problem);
    let mut response = Response::from_parts(parts, Body::empty());
    answer::write(problem, &mut response, Some(&scope));
    response
}

/// Says to whoever debugs that a client made a mistake, which is no error of ours.
pub(super) fn note(problem: &Problem) {
    let (code, status, detail) = (problem.code(), problem.status(), problem.detail());
    if status < 500 {
        tracing::debug!(target: "resilience", code, status, detail, "request_rejected");
    }
}

fn is_text(kind: &HeaderValue) -> bool {
    let essence = kind.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"text/plain")
}

async fn text(body: Body) -> Option<String> {
    if body.size_hint().exact().is_none_or(|size| size > LONGEST as u64) {
        return None;
    }
    let bytes = Limited::new(body, LONGEST).collect().await.ok()?.to_bytes();
    let text = std::str::from_utf8(&bytes).ok()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The code of a status that comes without one.
pub(super) const fn code(status: u16) -> &'static str {
    match status {
        400 => "BAD_REQUEST",
        401 => "AUTH_FAILED",
        403 => "FORBIDDEN",
        404 => "NOT_FOUND",
        405 => "METHOD_NOT_ALLOWED",
        406 => "NOT_ACCEPTABLE",
        408 => "REQUEST_TIMEOUT",
        409 => "CONFLICT",
        410 => "GONE",
        412 => "PRECONDITION_FAILED",
        413 => "REQUEST_TOO_LARGE",
        415 => "UNSUPPORTED_MEDIA_TYPE",
        422 => "VALIDATION_ERROR",
        429 => "RATE_LIMITED",
        _ if status < 500 => "REQUEST_REJECTED",
        503 => "SERVICE_UNAVAILABLE",
        504 => "NETWORK_TIMEOUT",
        _ => "INTERNAL_ERROR",
    }
}

/// An error's status that was answered without an error.
#[derive(Debug)]
struct Bare {
    status: u16,
    text: Option<String>,
}

impl fmt::Display for Bare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => write!(f, "answered {} with the text: {text}", self.status),
            None => write!(f, "answered {} without an error", self.status),
        }
    }
}

impl Error for Bare {}

impl Classify for Bare {
    fn classify(&self) -> Classification {
        match self.status {
            408 | 429 | 503 | 504 => Classification::transient(code(self.status)),
            _ => Classification::permanent(code(self.status)),
        }
        .with_status(self.status)
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;

    #[test]
    fn only_plain_text_and_nothing_are_bare() {
        let response = |status: u16, kind: Option<&'static str>, body: Body| {
            let mut response = Response::new(body);
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            if let Some(kind) = kind {
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            }
            response
        };
        let long = || Body::from("x".repeat(LONGEST + 1));
        let table = [
            (404, None, Body::empty(), true),
            (404, Some("text/plain"), Body::from("no"), true),
            (404, Some("Text/Plain; charset=utf-8"), Body::from("no"), true),
            (404, Some("text/plainer"), Body::from("no"), false),
            (404, Some("text/html"), Body::from("no"), false),
            (404, Some("application/json"), Body::from("{}"), false),
            (404, Some("application/json"), Body::empty(), false),
            (404, None, Body::from("no"), false),
            (404, Some("text/plain"), long(), false),
            (500, Some("text/plain"), long(), true),
            (500, None, Body::from("no"), true),
            (500, Some("application/json"), Body::from("{}"), false),
            (200, Some("text/plain"), Body::from("yes"), false),
            (304, None, Body::empty(), false),
        ];
        for (status, kind, body, bare) in table {
            assert_eq!(is_bare(&response(status, kind, body)), bare, "{status} {kind:?}");
        }
    }
}
