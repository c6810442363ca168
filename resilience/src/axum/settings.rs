use std::borrow::Cow;
use std::panic::Location;

use axum::http::{HeaderName, HeaderValue};

use crate::http::BodyFormat;

/// What a [`RequestLayer`](super::RequestLayer) is set to.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) request_id_header: HeaderName,
    pub(super) accepts_request_ids: bool,
    pub(super) format: Option<BodyFormat>,
    pub(super) problem_types: Option<Cow<'static, str>>,
    pub(super) challenge: Option<HeaderValue>,
    pub(super) keeps_text: bool,
    /// Where the layer was made.
    pub(super) place: &'static Location<'static>,
}
