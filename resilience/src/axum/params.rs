use std::ops::{Deref, DerefMut};
use std::panic::Location;

use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{self, FromRequestParts, OptionalFromRequestParts, RawPathParams};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::reject::{invalid, rejected};
use super::{explain, scope};
use crate::errors::Internal;
use crate::http::Problem;

/// Like axum's `Query`, but reports which parameter is invalid.
///
/// The rejection is a [`Problem`], even without the layer: 400, `BAD_REQUEST`, with the parameter
/// in `errors`. It doesn't contain the value.
///
/// `Option<Query<T>>` is `None` if the URL has no query.
///
/// ```
/// use axum::{Router, routing::get};
/// use resilience::axum::{Query, RequestLayer};
///
/// #[derive(serde::Deserialize)]
/// struct Page {
///     number: u32,
/// }
///
/// async fn users(Query(page): Query<Page>) -> String {
///     format!("page {}", page.number)
/// }
///
/// // `GET /users?number=x` results in
/// // "errors":[{"detail":"expected an integer","pointer":"#/number"}]
/// let app: Router = Router::new().route("/users", get(users)).layer(RequestLayer::new());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::parse(parts)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        match parts.uri.query() {
            None => Ok(None),
            Some(_) => Self::parse(parts).map(Some),
        }
    }
}

impl<T: DeserializeOwned> Query<T> {
    fn parse(parts: &Parts) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let parameters =
            serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
        serde_path_to_error::deserialize(parameters).map(Self).map_err(|error| {
            let field = explain::at_path(error.path(), error.inner());
            invalid(400, field, scope::place(&parts.extensions))
        })
    }
}

/// Like axum's `Path`, but reports which parameter is invalid.
///
/// The rejection is a [`Problem`], even without the layer: 400, `BAD_REQUEST`, with the parameter's
/// name in the route in `errors`. It doesn't contain the value. A type that doesn't fit the route
/// is a bug: 500, logged.
///
/// `Option<Path<T>>` is `None` if the route has no parameters.
///
/// ```
/// use axum::{Router, routing::get};
/// use resilience::axum::{Path, RequestLayer};
///
/// async fn user(Path(id): Path<u32>) -> String {
///     format!("user {id}")
/// }
///
/// // `GET /users/x` results in
/// // "errors":[{"detail":"expected an integer from 0 to 4294967295","pointer":"#/id"}]
/// let app: Router = Router::new().route("/users/{id}", get(user)).layer(RequestLayer::new());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match <extract::Path<T> as FromRequestParts<S>>::from_request_parts(parts, state).await {
            Ok(extract::Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(path_problem(rejection, parts).await),
        }
    }
}

impl<T: DeserializeOwned + Send + 'static, S: Send + Sync> OptionalFromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Problem> {
        match <extract::Path<T> as FromRequestParts<S>>::from_request_parts(parts, state).await {
            Ok(extract::Path(value)) => Ok(Some(Self(value))),
            Err(PathRejection::FailedToDeserializePathParams(failed))
                if matches!(failed.kind(), ErrorKind::WrongNumberOfParameters { got: 0, .. }) =>
            {
                Ok(None)
            }
            Err(rejection) => Err(path_problem(rejection, parts).await),
        }
    }
}

async fn path_problem(rejection: PathRejection, parts: &mut Parts) -> Problem {
    let place = scope::place(&parts.extensions);
    let status = rejection.status().as_u16();
    let text = rejection.body_text();
    if status >= 500 {
        return server_problem(text, place);
    }
    let field = match &rejection {
        PathRejection::FailedToDeserializePathParams(failed) => match failed.kind() {
            ErrorKind::ParseErrorAtKey { key, expected_type, .. } => {
                Some(explain::of_parameter(key, expected_type))
            }
            ErrorKind::ParseErrorAtIndex { index, expected_type, .. } => {
                Some(explain::of_parameter(&parameter(parts, *index).await, expected_type))
            }
            ErrorKind::ParseError { expected_type, .. } => {
                Some(explain::of_parameter(&parameter(parts, 0).await, expected_type))
            }
            ErrorKind::Message(message) => {
                Some(explain::at_name(&parameter(parts, 0).await, message))
            }
            other => explain::of_path(&other.to_string()),
        },
        _ => None,
    };
    match field {
        Some(field) => invalid(status, field, place),
        None => rejected(status, crate::http::generic_message(status)),
    }
}

/// The name of a parameter in the route, or nothing if it is unknown.
async fn parameter(parts: &mut Parts, index: usize) -> String {
    let parameters = RawPathParams::from_request_parts(parts, &()).await;
    parameters
        .ok()
        .and_then(|parameters| parameters.iter().nth(index).map(|(name, _)| name.to_owned()))
        .unwrap_or_default()
}

/// The problem of a handler whose parameters don't fit its route.
#[track_caller]
fn server_problem(text: String, place: Option<&'static Location<'static>>) -> Problem {
    let place = place.unwrap_or(Location::caller());
    let error = Internal::new(text);
    crate::report::Report::new(&error).at(place.file(), place.line()).emit();
    Problem::of(&error)
}

macro_rules! transparent {
    ($($extractor:ident),*) => {$(
        impl<T> Deref for $extractor<T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.0
            }
        }

        impl<T> DerefMut for $extractor<T> {
            fn deref_mut(&mut self) -> &mut T {
                &mut self.0
            }
        }
    )*};
}

transparent!(Query, Path);
