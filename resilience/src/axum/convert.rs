//! Converts responses that aren't problems yet: axum's own rejections, and bare statuses or plain
//! texts from handlers.

use std::error::Error;
use std::fmt;

use axum::body::{Body, HttpBody};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::response::Response;
use http_body_util::{BodyExt, Limited};

use super::explain::MAX_TEXT;
use super::scope::Scope;
use super::status::{code_for, is_final};
use super::{explain, reject, response};
use crate::http::Problem;
use crate::{Classification, Classify, report::Report, taxonomy::Evidence};

/// Whether to convert a response to a problem. Calls the body's `size_hint`, which may panic.
pub(super) fn applies_to(response: &Response, scope: &Scope) -> bool {
    let replaced = !is_final(response.status().as_u16());
    (replaced || !scope.settings.keep_text && is_bare(response))
        && response.extensions().get::<Problem>().is_none()
}

/// Whether this is an error response with a body of plain text or none.
fn is_bare(response: &Response) -> bool {
    let (status, body) = (response.status(), response.body());
    if !(status.is_server_error() || status.is_client_error()) {
        return false;
    }
    let encoded = response.headers().contains_key(CONTENT_ENCODING);
    let size = body.size_hint().exact();
    match response.headers().get(CONTENT_TYPE) {
        // On a client error, a text of unknown size is a stream, unless it is one because it was
        // compressed.
        Some(kind) => is_text(kind) && (status.is_server_error() || encoded || size.is_some()),
        // A server error's body without a content type is never for clients either.
        None => status.is_server_error() || size == Some(0),
    }
}

/// Converts a bare response to a problem. The text becomes the detail below 500 if it can be read
/// and isn't long, and is logged otherwise.
pub(super) async fn to_problem(response: Response, scope: Scope) -> Response {
    let (parts, body) = response.into_parts();
    let status = parts.status.as_u16();
    let encoded = parts.headers.contains_key(CONTENT_ENCODING);
    let text = if encoded { None } else { text(body).await };
    let problem = problem(Bare { status, text }, &scope);
    let mut response = Response::from_parts(parts, Body::empty());
    response::write(problem, &mut response, Some(&scope));
    response
}

fn problem(bare: Bare, scope: &Scope) -> Problem {
    let place = scope.settings.place;
    let problem = Problem::of(&bare);
    if problem.status() >= 500 {
        Report::new(&bare).at(place.file(), place.line()).emit();
        return problem;
    }
    let problem = match bare.text.as_deref().map(explain::of_axum) {
        Some(Some(field)) => return reject::invalid(bare.status, field, Some(place)),
        _ => match bare.text {
            Some(text) => problem.with_detail(text),
            None => problem,
        },
    };
    reject::log(&problem);
    problem
}

fn is_text(kind: &HeaderValue) -> bool {
    let essence = kind.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"text/plain")
}

async fn text(body: Body) -> Option<String> {
    if body.size_hint().exact().is_none_or(|size| size > MAX_TEXT as u64) {
        return None;
    }
    let bytes = Limited::new(body, MAX_TEXT).collect().await.ok()?.to_bytes();
    let text = std::str::from_utf8(&bytes).ok()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// An error response that wasn't made from an error.
#[derive(Debug)]
struct Bare {
    status: u16,
    text: Option<String>,
}

impl fmt::Display for Bare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => write!(f, "responded with status {} and the text: {text}", self.status),
            None => write!(f, "responded with status {} without an error", self.status),
        }
    }
}

impl Error for Bare {}

impl Classify for Bare {
    fn classify(&self) -> Classification {
        match self.status {
            408 | 429 | 503 | 504 => Classification::transient(code_for(self.status)),
            _ => Classification::permanent(code_for(self.status)),
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
    fn only_error_responses_with_plain_or_no_text_are_bare() {
        let response = |status: u16, kind: Option<&'static str>, body: Body| {
            let mut response = Response::new(body);
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            if let Some(kind) = kind {
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            }
            response
        };
        let long = || Body::from("x".repeat(MAX_TEXT + 1));
        let table = [
            (404, None, Body::empty(), true),
            (404, Some("text/plain"), Body::from("no"), true),
            (404, Some("Text/Plain; charset=utf-8"), Body::from("no"), true),
            (404, Some("text/plainer"), Body::from("no"), false),
            (404, Some("text/html"), Body::from("no"), false),
            (404, Some("application/json"), Body::from("{}"), false),
            (404, Some("application/json"), Body::empty(), false),
            (404, None, Body::from("no"), false),
            (404, Some("text/plain"), long(), true),
            (404, Some("text/html"), long(), false),
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
