use std::borrow::Cow;
use std::panic::Location;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};

use crate::http::BodyFormat;

/// The settings of a [`RequestLayer`](super::RequestLayer).
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) request_id_header: HeaderName,
    pub(super) accept_request_ids: bool,
    pub(super) format: Option<BodyFormat>,
    pub(super) problem_types: Option<Cow<'static, str>>,
    pub(super) challenge: Option<HeaderValue>,
    pub(super) keep_text: bool,
    pub(super) timeout: Option<Duration>,
    /// The header with the time that the client still waits.
    pub(super) time_left_header: Option<HeaderName>,
    /// Where the layer was created.
    pub(super) place: &'static Location<'static>,
}
