/// The format of a [`Problem`](super::Problem)'s body.
///
/// ```
/// use resilience::http::{BodyFormat, Problem};
/// use resilience::errors::NotFound;
///
/// let problem = Problem::of(&NotFound::new("user", "42"));
/// assert_eq!(
///     problem.body(),
///     r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"user 42 not found","code":"NOT_FOUND","retryable":false}"#,
/// );
/// assert_eq!(
///     problem.plain().body(),
///     r#"{"error":"NOT_FOUND","message":"user 42 not found","request_id":null}"#,
/// );
/// assert_eq!(BodyFormat::default(), BodyFormat::Problem);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyFormat {
    /// `application/problem+json` (RFC 9457): `type`, `title`, `status`, `detail`, and the
    /// extension members `code`, `request_id`, `retryable` and `errors`. The default.
    #[default]
    Problem,
    /// `application/json` with `error` (the code), `message` (the detail) and `request_id`.
    Plain,
}

impl BodyFormat {
    /// The body's media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Problem => "application/problem+json",
            Self::Plain => "application/json",
        }
    }
}
