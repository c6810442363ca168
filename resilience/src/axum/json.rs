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

use super::convert;
use crate::errors::Internal;
use crate::http::Problem;
use crate::support::prefix;
use crate::{FieldError, http::generic_message};

/// Like axum's `Json`, but reports which field of a request is invalid.
///
/// The rejection is a [`Problem`], even without the layer:
///
/// | request | response |
/// |---|---|
/// | its `content-type` isn't JSON | 415, `UNSUPPORTED_MEDIA_TYPE` |
/// | the body is larger than the router allows | 413, `REQUEST_TOO_LARGE` |
/// | the body isn't valid JSON | 400, `BAD_REQUEST`, with line and column |
/// | the value doesn't match the type | 422, `VALIDATION_ERROR`, with the field in `errors` |
///
/// As a response, it serializes the value as JSON.
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
/// // {"sku": "S-7", "quantity": "two"} results in
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
                Internal::new("failed to serialize the response as JSON").with_source(error),
            )
            .into_response(),
        }
    }
}

/// Accepts `application/json` and `application/*+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence
        .strip_prefix("application/")
        .is_some_and(|kind| kind == "json" || kind.ends_with("+json"))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let invalid =
        |error: serde_json::Error| rejected(400, format!("the body isn't valid JSON: {error}"));
    match serde_path_to_error::deserialize(&mut json) {
        Ok(value) => json.end().map(|()| value).map_err(invalid),
        Err(error) if error.inner().classify() == Category::Data => {
            let field = field_error(error.path(), error.inner());
            Err(rejected(422, generic_message(422)).with_errors(vec![field]))
        }
        Err(error) => Err(invalid(error.into_inner())),
    }
}

/// Names the invalid field and describes the error.
fn field_error(path: &Path, error: &serde_json::Error) -> FieldError {
    let mut field = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                // Writing to a `String` is infallible.
                let _ = write!(field, "/{index}");
            }
            Segment::Map { key } | Segment::Enum { variant: key } => push(&mut field, key),
            Segment::Unknown => {}
        }
    }
    let text = error.to_string();
    // The field replaces line and column.
    let text = text.rsplit_once(" at line ").map_or(&*text, |(what, _)| what);
    // serde quotes the value, which may be as long as the whole body.
    let text = prefix::of(text, convert::MAX_TEXT);
    if field.len() > convert::MAX_TEXT {
        field.clear();
    }
    // The path of a missing field ends at its parent, so append the field's name.
    match text.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        Some(missing) => {
            push(&mut field, missing);
            FieldError::new(field, "is missing")
        }
        None => FieldError::new(field, text.to_owned()),
    }
}

/// Appends a segment to a JSON Pointer.
fn push(pointer: &mut String, key: &str) {
    pointer.push('/');
    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
}

fn rejected(status: u16, detail: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    let problem = Problem::new(status, convert::code_for(status)).with_detail(detail);
    convert::log_rejection(&problem);
    problem
}
