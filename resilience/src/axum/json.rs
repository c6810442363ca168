use std::fmt::Write as _;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use super::foreign;
use crate::errors::Internal;
use crate::http::Problem;
use crate::support::prefix;
use crate::{FieldError, http::generic_message};

/// axum's `Json`, which says which field of a request is wrong.
///
/// What it rejects is a [`Problem`] in itself, also without the layer:
///
/// | request | answer |
/// |---|---|
/// | isn't JSON by its `content-type` | 415, `UNSUPPORTED_MEDIA_TYPE` |
/// | is larger than the router allows | 413, `REQUEST_TOO_LARGE` |
/// | isn't JSON | 400, `BAD_REQUEST`, with the place |
/// | doesn't fit the type | 422, `VALIDATION_ERROR`, with the field in `errors` |
///
/// As an answer it is the value as JSON.
///
/// ```
/// use axum::{Router, routing::post};
/// use resilience::axum::{Json, RequestLayer};
///
/// #[derive(serde::Deserialize)]
/// struct Order {
///     sku: String,
///     quantity: u32,
/// }
///
/// async fn order(Json(order): Json<Order>) -> Json<String> {
///     Json(format!("{} of {}", order.quantity, order.sku))
/// }
///
/// // {"sku": "S-7", "quantity": "two"} is answered with
/// // "errors":[{"detail":"invalid type: string \"two\", expected u32","pointer":"#/quantity"}]
/// let app: Router = Router::new().route("/orders", post(order)).layer(RequestLayer::new());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(rejected(415, "expected a body with `content-type: application/json`"));
        }
        match Bytes::from_request(request, state).await {
            Ok(bytes) => parse(&bytes).map(Self),
            Err(unread) => Err(rejected(unread.status().as_u16(), unread.body_text())),
        }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => {
                let kind = HeaderValue::from_static("application/json");
                ([(CONTENT_TYPE, kind)], body).into_response()
            }
            Err(error) => Problem::from(
                Internal::new("the answer can't be written as JSON").with_source(error),
            )
            .into_response(),
        }
    }
}

/// `application/json`, or something that is JSON as well: `application/merge-patch+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence
        .strip_prefix("application/")
        .is_some_and(|kind| kind == "json" || kind.ends_with("+json"))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let no_json = |error: serde_json::Error| rejected(400, format!("the body is no JSON: {error}"));
    match serde_path_to_error::deserialize(&mut json) {
        Ok(value) => json.end().map(|()| value).map_err(no_json),
        Err(error) if error.inner().classify() == Category::Data => {
            let field = wrong(error.path(), error.inner());
            Err(rejected(422, generic_message(422)).with_errors(vec![field]))
        }
        Err(error) => Err(no_json(error.into_inner())),
    }
}

/// Which field is wrong, and what is wrong with it.
fn wrong(path: &Path, error: &serde_json::Error) -> FieldError {
    let mut field = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                // Writing to a string doesn't fail.
                let _ = write!(field, "/{index}");
            }
            Segment::Map { key } | Segment::Enum { variant: key } => push(&mut field, key),
            Segment::Unknown => {}
        }
    }
    let text = error.to_string();
    // The field says where; a line and a column don't say it better.
    let text = text.rsplit_once(" at line ").map_or(&*text, |(what, _)| what);
    // serde quotes the value, which may be all that the router allows.
    let text = prefix::of(text, foreign::LONGEST);
    if field.len() > foreign::LONGEST {
        field.clear();
    }
    // What is missing has no place of its own: it is named where it should have been.
    match text.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        Some(missing) => {
            push(&mut field, missing);
            FieldError::new(field, "is missing")
        }
        None => FieldError::new(field, text.to_owned()),
    }
}

/// One more step of a JSON Pointer.
fn push(pointer: &mut String, key: &str) {
    pointer.push('/');
    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
}

fn rejected(status: u16, detail: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    let problem = Problem::new(status, foreign::code(status)).with_detail(detail);
    foreign::note(&problem);
    problem
}
