use std::ops::{Deref, DerefMut};
use std::panic::Location;

use axum::body::Bytes;
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::reject::{invalid, rejected};
use super::{explain, scope};
use crate::errors::Internal;
use crate::http::Problem;

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
/// Neither the response nor the log contains the invalid value, or names of Rust's types. A 422 is
/// logged like any other [report](crate::report()), with the names of the fields; the others are
/// logged as `request_rejected` at DEBUG.
///
/// `Option<Json<T>>` is `None` if the request has no `content-type`. As a response, it serializes
/// the value as JSON.
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
/// // "errors":[{"detail":"expected an integer from 0 to 4294967295, found a string","pointer":"#/quantity"}]
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
        let place = scope::place(request.extensions());
        match Bytes::from_request(request, state).await {
            Ok(bytes) => parse(&bytes, place).map(Self),
            Err(unread) => Err(rejected(unread.status().as_u16(), unread.body_text())),
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        if request.headers().contains_key(CONTENT_TYPE) {
            <Self as FromRequest<S>>::from_request(request, state).await.map(Some)
        } else {
            Ok(None)
        }
    }
}

impl<T> Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Json<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T> From<T> for Json<T> {
    fn from(value: T) -> Self {
        Self(value)
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

#[track_caller]
fn parse<T: DeserializeOwned>(
    bytes: &[u8],
    place: Option<&'static Location<'static>>,
) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let malformed =
        |error: serde_json::Error| rejected(400, format!("the body isn't valid JSON: {error}"));
    match serde_path_to_error::deserialize(&mut json) {
        Ok(value) => json.end().map(|()| value).map_err(malformed),
        Err(error) if error.inner().classify() == Category::Data => {
            Err(invalid(422, explain::at_path(error.path(), error.inner()), place))
        }
        Err(error) => Err(malformed(error.into_inner())),
    }
}
