use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::BodyFormat;
use crate::{
    Classification, Classify, FieldError, RequestContext, http::generic_message, report::Report,
    request::RequestId,
};

/// The response to a failed request. It contains only what the client may know of the error.
///
/// A handler that returns `Result<T, Problem>` is a complete boundary: its `?` accepts any error
/// that implements [`Classify`], logs it once with the location of the `?`, and creates the
/// response:
///
/// ```
/// # #[cfg(feature = "macros")] {
/// use resilience::{ServiceError, http::Problem};
///
/// #[derive(Debug, thiserror::Error, ServiceError)]
/// enum UserError {
///     #[error("no row for user {id}")]
///     #[service(not_found, public = "No such user")]
///     Unknown { id: u32 },
///     #[error("the replica {host} is unreachable")]
///     #[service(unavailable)]
///     Unreachable { host: String },
/// }
///
/// fn find(id: u32) -> Result<String, UserError> {
///     match id {
///         0 => Err(UserError::Unreachable { host: "10.0.0.7".into() }),
///         id => Err(UserError::Unknown { id }),
///     }
/// }
///
/// fn handler(id: u32) -> Result<String, Problem> {
///     let user = find(id)?;
///     Ok(user)
/// }
///
/// let problem = handler(7).unwrap_err();
/// assert_eq!((problem.status(), problem.code(), problem.detail()), (404, "NOT_FOUND", "No such user"));
///
/// let problem = handler(0).unwrap_err();
/// assert_eq!((problem.status(), problem.detail()), (503, "The service is temporarily unavailable"));
/// assert!(problem.is_retryable());
/// # }
/// ```
///
/// | part | from | status 500 and above |
/// |---|---|---|
/// | status, code | [`Classify::classify`]; 500 and `INTERNAL_ERROR` if unclassified | the same |
/// | detail | [`Classify::public_message`] | the fixed text of [`Classification::public_text`], or else the generic text of the status |
/// | errors | [`Classify::field_errors`] | always empty |
/// | `Retry-After` | [`Classification::retry_after`], in whole seconds, rounded up | the same |
/// | request id | the [`RequestContext`] | the same |
///
/// With a status of 500 or above, no text of the error reaches the client, except one that is fixed
/// in its source code: `public = "We are back at nine"`.
///
/// `Problem` doesn't implement `Error`, so it can't become the source of another error or be
/// reported twice. With the feature `axum` it implements `IntoResponse`. It is the size of one
/// pointer, which keeps `Result<T, Problem>` small.
#[derive(Clone)]
pub struct Problem(Box<Parts>);

#[derive(Clone)]
struct Parts {
    status: u16,
    code: &'static str,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    kind: Option<Cow<'static, str>>,
    challenge: Option<Cow<'static, str>>,
    request_id: Option<RequestId>,
    retryable: bool,
    retry_after: Option<u64>,
    format: BodyFormat,
}

impl Problem {
    /// The longest `Retry-After` sent, in seconds: 2³¹ − 1, which every client can parse.
    const LONGEST_WAIT: u64 = i32::MAX as u64;

    /// Creates the response to an error without logging it. Use `?` or [`From`] to do both.
    ///
    /// ```
    /// use resilience::{errors::RateLimited, http::Problem};
    /// use std::time::Duration;
    ///
    /// let problem = Problem::of(&RateLimited::new("api").with_retry_after(Duration::from_millis(1500)));
    /// assert_eq!((problem.status(), problem.retry_after()), (429, Some(2)));
    /// ```
    pub fn of(error: &(impl Classify + ?Sized)) -> Self {
        let class = error.classify();
        let mut problem = Self::new(class.status(), class.code()).with_retry(&class);
        if class.status() >= 500 {
            if let Some(text) = class.public_text() {
                problem.0.detail = Cow::Borrowed(text);
            }
            return problem;
        }
        problem
            .with_detail(error.public_message().into_owned())
            .with_errors(error.field_errors().into_owned())
    }

    /// Creates a response that isn't caused by an error, from a status (400 to 599, any other
    /// becomes 500) and a code. Logs nothing.
    ///
    /// The detail defaults to a generic text for the status.
    ///
    /// ```
    /// use resilience::http::Problem;
    ///
    /// let problem = Problem::new(410, "EXPIRED").with_detail("The link has expired");
    /// assert_eq!((problem.status(), problem.detail()), (410, "The link has expired"));
    /// assert_eq!(Problem::new(410, "EXPIRED").detail(), "Gone");
    /// ```
    pub fn new(status: u16, code: &'static str) -> Self {
        let status = if (400..=599).contains(&status) { status } else { 500 };
        Self(Box::new(Parts {
            status,
            code,
            detail: Cow::Borrowed(generic_message(status)),
            errors: Vec::new(),
            kind: None,
            challenge: None,
            request_id: RequestContext::current().map(|context| context.request_id().clone()),
            retryable: false,
            retry_after: None,
            format: BodyFormat::default(),
        }))
    }

    /// Sets the text for the client. Ignored if the status is 500 or above.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        if self.0.status < 500 {
            self.0.detail = detail.into();
        }
        self
    }

    /// Sets the invalid fields of the request. Ignored if the status is 500 or above.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        if self.0.status < 500 {
            self.0.errors = errors;
        }
        self
    }

    /// Sets the problem's type, a URI that documents its code. Default: `about:blank`.
    ///
    /// `RequestLayer::problem_types` sets it for all problems.
    #[must_use]
    pub fn with_type(mut self, uri: impl Into<Cow<'static, str>>) -> Self {
        self.0.kind = Some(uri.into());
        self
    }

    /// Sets the header `WWW-Authenticate`, which a 401 must have. Default: `Bearer`. Other statuses
    /// don't send it.
    ///
    /// `RequestLayer::challenge` sets it for all problems.
    #[must_use]
    pub fn with_challenge(mut self, challenge: impl Into<Cow<'static, str>>) -> Self {
        self.0.challenge = Some(challenge.into());
        self
    }

    /// Sets the request id. Default: that of the current [`RequestContext`], if there is one.
    #[must_use]
    pub fn with_request_id(mut self, id: RequestId) -> Self {
        self.0.request_id = Some(id);
        self
    }

    /// Limits the body to `error`, `message` and `request_id`: [`BodyFormat::Plain`].
    ///
    /// `RequestLayer::body_format` sets it for all problems.
    #[must_use]
    pub fn plain(self) -> Self {
        self.with_format(BodyFormat::Plain)
    }

    /// Sets the format of the body. Default: [`BodyFormat::Problem`].
    #[must_use]
    pub fn with_format(mut self, format: BodyFormat) -> Self {
        self.0.format = format;
        self
    }

    /// The HTTP status, 400 to 599.
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// The machine-readable code.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The text for the client.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The invalid fields of the request.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// The request id, if known.
    pub fn request_id(&self) -> Option<&RequestId> {
        self.0.request_id.as_ref()
    }

    /// Whether the same request may succeed later, as far as the server knows. This includes a
    /// transaction that lost a conflict, since a repeated request runs all of it again. Only the
    /// client knows whether the request is safe to repeat.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// The header `Retry-After`: when to retry, in seconds.
    pub fn retry_after(&self) -> Option<u64> {
        self.0.retry_after
    }

    /// The header `WWW-Authenticate`, if the status is 401.
    pub fn challenge(&self) -> Option<&str> {
        (self.0.status == 401).then(|| self.0.challenge.as_deref().unwrap_or("Bearer"))
    }

    /// The format of the body.
    pub fn format(&self) -> BodyFormat {
        self.0.format
    }

    /// The body as JSON. Its media type is [`BodyFormat::content_type`].
    pub fn body(&self) -> String {
        // The body consists of strings, numbers and booleans, which always serialize.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn type_uri(&self) -> &str {
        self.0.kind.as_deref().unwrap_or("about:blank")
    }

    fn with_retry(mut self, class: &Classification) -> Self {
        self.0.retryable = class.may_succeed_later();
        self.0.retry_after = class.retry_after().map(whole_seconds);
        self
    }
}

/// What `RequestLayer` needs to apply its own settings.
#[cfg(feature = "axum")]
impl Problem {
    pub(crate) fn has_type(&self) -> bool {
        self.0.kind.is_some()
    }

    pub(crate) fn has_challenge(&self) -> bool {
        self.0.challenge.is_some()
    }

    /// Adopts a status that the response was given later. If it is 500 or above, the error's texts
    /// are removed.
    pub(crate) fn with_status(mut self, status: u16) -> Self {
        if status != self.0.status && (400..=599).contains(&status) {
            let was_generic =
                self.0.status >= 500 || *self.0.detail == *generic_message(self.0.status);
            self.0.status = status;
            if was_generic || status >= 500 {
                self.0.detail = Cow::Borrowed(generic_message(status));
            }
            if status >= 500 {
                self.0.errors.clear();
            }
        }
        self
    }
}

/// Rounds up, so that no client retries too early.
fn whole_seconds(wait: Duration) -> u64 {
    let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    seconds.min(Problem::LONGEST_WAIT)
}

/// Logs the error once, with the location of the call or the `?`, and creates the response.
impl<E: Classify> From<E> for Problem {
    #[track_caller]
    fn from(error: E) -> Self {
        Report::new(&error).emit();
        Self::of(&error)
    }
}

/// For tests and logs. The client receives [`body`](Self::body).
impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("status", &self.status())
            .field("code", &self.code())
            .field("detail", &self.detail())
            .field("errors", &self.errors())
            .field("request_id", &self.request_id())
            .field("retryable", &self.is_retryable())
            .field("retry_after", &self.retry_after())
            .finish()
    }
}

/// Status, code and detail: `404 NOT_FOUND: user 42 not found`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status(), self.code(), self.detail())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_rounded_up_to_whole_seconds() {
        let table = [
            (Duration::ZERO, 0),
            (Duration::from_nanos(1), 1),
            (Duration::from_secs(1), 1),
            (Duration::from_millis(1001), 2),
            (Duration::MAX, 2_147_483_647),
        ];
        for (wait, seconds) in table {
            assert_eq!(whole_seconds(wait), seconds, "{wait:?}");
        }
    }

    #[test]
    fn problem_result_is_two_words() {
        assert_eq!(size_of::<Result<u32, Problem>>(), 16);
    }
}
