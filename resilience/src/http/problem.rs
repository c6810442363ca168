use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::BodyFormat;
use crate::{
    Classification, Classify, FieldError, RequestContext, http::generic_message, report::Report,
    request::RequestId,
};

/// The answer to a request that failed: what the client learns of an error, and nothing more.
///
/// A handler that returns `Result<T, Problem>` is a whole boundary. Its `?` takes every error that
/// classifies itself, writes its one log record, with the place of the `?`, and makes the answer:
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
///     #[error("the replica {host} is away")]
///     #[service(unavailable)]
///     Away { host: String },
/// }
///
/// fn find(id: u32) -> Result<String, UserError> {
///     match id {
///         0 => Err(UserError::Away { host: "10.0.0.7".into() }),
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
/// assert_eq!((problem.status(), problem.detail()), (503, "An internal error occurred"));
/// assert!(problem.is_retryable());
/// # }
/// ```
///
/// | part | from | status 500 and above |
/// |---|---|---|
/// | status, code | [`Classify::classify`]; `INTERNAL_ERROR`, 500 for what is unclassified | the same |
/// | detail | [`Classify::public_message`] | "An internal error occurred", always |
/// | errors | [`Classify::field_errors`] | none, always |
/// | `Retry-After` | [`Classification::retry_after`], in whole seconds, rounded up | the same |
/// | request id | the [`RequestContext`] | the same |
///
/// So for a status of 500 and above nothing of an error's own text leaves, whatever the error says.
///
/// It isn't an error itself, so that no error's text gets back into it: it is the end of an error's
/// way. With the feature `axum` it is an answer as it stands. It is one pointer in size, so that a
/// `Result` with it stays small.
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
    /// The longest `Retry-After` that is sent, in seconds: 2³¹ − 1, which every client can read.
    const LONGEST_WAIT: u64 = i32::MAX as u64;

    /// The answer to an error, which isn't logged: for who has done that, or has another way to.
    /// `?` and [`From`] do both.
    ///
    /// ```
    /// use resilience::{errors::RateLimited, http::Problem};
    /// use std::time::Duration;
    ///
    /// let problem = Problem::of(&RateLimited::new("api").with_retry_after(Duration::from_millis(1500)));
    /// assert_eq!((problem.status(), problem.retry_after()), (429, Some(2)));
    /// ```
    pub fn of(error: &(impl Classify + ?Sized)) -> Self {
        let is = error.classify();
        let problem = Self::new(is.status(), is.code()).with_retry(&is);
        if is.status() >= 500 {
            return problem;
        }
        problem
            .with_detail(error.public_message().into_owned())
            .with_errors(error.field_errors().into_owned())
    }

    /// An answer that no error stands behind: a status of 400 to 599 (any other becomes 500), and a
    /// code. Nothing is logged.
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

    /// What the client may read of it. A status of 500 and above keeps its generic text.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        if self.0.status < 500 {
            self.0.detail = detail.into();
        }
        self
    }

    /// What is wrong with which field of the request. A status of 500 and above keeps none.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        if self.0.status < 500 {
            self.0.errors = errors;
        }
        self
    }

    /// The problem's type, a URI that says more about its code. By default `about:blank`.
    ///
    /// `RequestLayer::problem_types` sets it for all problems.
    #[must_use]
    pub fn with_type(mut self, uri: impl Into<Cow<'static, str>>) -> Self {
        self.0.kind = Some(uri.into());
        self
    }

    /// How a client can authenticate, for the header `WWW-Authenticate` of a 401, which has to have
    /// one. By default `Bearer`.
    ///
    /// `RequestLayer::challenge` sets it for all problems.
    #[must_use]
    pub fn with_challenge(mut self, challenge: impl Into<Cow<'static, str>>) -> Self {
        self.0.challenge = Some(challenge.into());
        self
    }

    /// The request that it answers. By default that of the current [`RequestContext`], if there is
    /// one.
    #[must_use]
    pub fn with_request_id(mut self, id: RequestId) -> Self {
        self.0.request_id = Some(id);
        self
    }

    /// With a body of `error`, `message` and `request_id` alone: [`BodyFormat::Plain`].
    ///
    /// `RequestLayer::body_format` sets it for all problems.
    #[must_use]
    pub fn plain(self) -> Self {
        self.with_format(BodyFormat::Plain)
    }

    /// With a body of this form.
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

    /// The fields that were wrong.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// The request that it answers, if that is known.
    pub fn request_id(&self) -> Option<&RequestId> {
        self.0.request_id.as_ref()
    }

    /// Whether the same request may succeed later, as far as the server knows. A transaction that
    /// lost to another counts: who sends the request again runs the whole of it again. Whether
    /// a request may be sent twice only its sender knows.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// The header `Retry-After`: when to try again, in seconds.
    pub fn retry_after(&self) -> Option<u64> {
        self.0.retry_after
    }

    /// The header `WWW-Authenticate`, of a 401.
    pub fn challenge(&self) -> Option<&str> {
        (self.0.status == 401).then(|| self.0.challenge.as_deref().unwrap_or("Bearer"))
    }

    /// The form of the body.
    pub fn format(&self) -> BodyFormat {
        self.0.format
    }

    /// The body, as JSON; its media type is [`BodyFormat::content_type`].
    pub fn body(&self) -> String {
        // Text and numbers under fixed names: nothing here can fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn type_uri(&self) -> &str {
        self.0.kind.as_deref().unwrap_or("about:blank")
    }

    fn with_retry(mut self, is: &Classification) -> Self {
        self.0.retryable = is.may_succeed_later();
        self.0.retry_after = is.retry_after().map(whole_seconds);
        self
    }
}

/// What the layer knows better than the place where the problem was made.
#[cfg(feature = "axum")]
impl Problem {
    pub(crate) fn has_type(&self) -> bool {
        self.0.kind.is_some()
    }

    pub(crate) fn has_challenge(&self) -> bool {
        self.0.challenge.is_some()
    }

    /// The same with another status, which the answer got on its way; a status of 500 and above
    /// takes the texts along.
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

/// Rounded up, so that nobody comes too early.
fn whole_seconds(wait: Duration) -> u64 {
    let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    seconds.min(Problem::LONGEST_WAIT)
}

/// Makes the answer and writes the error's log record, once; the record says where this was called,
/// which for `?` is the `?`.
impl<E: Classify> From<E> for Problem {
    #[track_caller]
    fn from(error: E) -> Self {
        Report::new(&error).emit();
        Self::of(&error)
    }
}

/// For tests and logs; what the client gets is [`body`](Self::body).
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
    fn a_wait_is_whole_seconds_and_never_too_short() {
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
    fn a_result_with_it_stays_small() {
        assert_eq!(size_of::<Result<u32, Problem>>(), 16);
    }
}
