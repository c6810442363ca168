//! `Problem`: the answer to a failed request, byte for byte.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use resilience::errors::{
    AuthFailed, Internal, MissingConfig, NotFound, RateLimited, ServiceUnavailable, ValidationError,
};
use resilience::http::{BodyFormat, generic_message};
use resilience::{
    Advice, Classification, Classify, FieldError, Problem, RequestContext, ServiceError,
    request::RequestId,
};

/// An error whose every answer is given.
struct Saying {
    is: Classification,
    public: &'static str,
    fields: Vec<FieldError>,
}

impl fmt::Display for Saying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its own text")
    }
}

impl Classify for Saying {
    fn classify(&self) -> Classification {
        self.is
    }

    fn public_message(&self) -> Cow<'_, str> {
        self.public.into()
    }

    fn field_errors(&self) -> Cow<'_, [FieldError]> {
        (&self.fields).into()
    }
}

fn saying(is: Classification) -> Saying {
    Saying { is, public: "the public text", fields: vec![FieldError::new("a", "b")] }
}

fn in_request<T>(function: impl FnOnce() -> T) -> T {
    RequestContext::with_request_id(RequestId::parse("req-1").unwrap()).sync_scope(function)
}

#[test]
fn problem_body_follows_rfc_9457() {
    let problem = in_request(|| {
        Problem::of(&ValidationError::new("items[2].quantity", "must be \"1\" or more"))
    });
    assert_eq!(
        problem.body(),
        concat!(
            r##"{"type":"about:blank","title":"Unprocessable Content","status":422,"##,
            r##""detail":"validation failed on items[2].quantity: must be \"1\" or more","code":"VALIDATION_ERROR","##,
            r##""request_id":"req-1","retryable":false,"##,
            r##""errors":[{"detail":"must be \"1\" or more","pointer":"#/items/2/quantity"}]}"##,
        )
    );
    assert_eq!(problem.format().content_type(), "application/problem+json");
}

#[test]
fn plain_body_has_error_message_and_request_id() {
    let problem = in_request(|| Problem::of(&NotFound::new("user", "42")).plain());
    assert_eq!(
        problem.body(),
        r#"{"error":"NOT_FOUND","message":"user 42 not found","request_id":"req-1"}"#
    );
    assert_eq!(problem.format(), BodyFormat::Plain);
    assert_eq!(problem.format().content_type(), "application/json");

    let problem = Problem::of(&Internal::new("no such shard")).plain();
    assert_eq!(
        problem.body(),
        r#"{"error":"INTERNAL_ERROR","message":"An internal error occurred","request_id":null}"#
    );
}

#[test]
fn server_error_never_shows_its_text() {
    for status in [500, 501, 502, 503, 504, 599] {
        for is in [
            Classification::transient("CODE").with_status(status),
            Classification::permanent("CODE").with_status(status),
            Classification::partial("CODE").with_status(status),
        ] {
            let problem = Problem::of(&saying(is));
            assert_eq!((problem.status(), problem.code()), (status, "CODE"));
            let generic = generic_message(status);
            assert_eq!(problem.detail(), generic);
            assert_eq!(problem.errors(), []);
            let later = problem.with_detail("more").with_errors(vec![FieldError::new("a", "b")]);
            assert_eq!((later.detail(), later.errors()), (generic, &[][..]));
        }
    }
    let fatal = Problem::of(&MissingConfig::new("DATABASE_URL"));
    assert_eq!(
        (fatal.status(), fatal.code(), fatal.is_retryable()),
        (500, "MISSING_CONFIG", false)
    );
}

#[test]
fn server_error_shows_a_fixed_text() {
    for status in [500, 503, 599] {
        let class = Classification::transient("CLOSED").with_status(status);
        let problem = Problem::of(&saying(class.with_public_text("Back at nine")));
        assert_eq!((problem.status(), problem.detail()), (status, "Back at nine"));
    }
}

#[test]
fn client_error_shows_its_public_text() {
    let problem = Problem::of(&saying(Classification::permanent("CODE").with_status(418)));
    assert_eq!(problem.detail(), "the public text");
    assert_eq!(problem.errors(), [FieldError::new("a", "b")]);
    assert_eq!(
        problem.body(),
        concat!(
            r##"{"type":"about:blank","title":"Client Error","status":418,"detail":"the public text","code":"CODE","##,
            r##""retryable":false,"errors":[{"detail":"b","pointer":"#/a"}]}"##,
        )
    );
}

#[test]
fn unclassified_error_is_a_500() {
    let problem = Problem::of(&saying(Classification::unclassified()));
    assert_eq!((problem.status(), problem.code()), (500, "INTERNAL_ERROR"));
    assert!(!problem.is_retryable());
}

#[test]
fn retryable_flag_follows_category_and_advice() {
    let table = [
        (Classification::transient("X"), true),
        (Classification::transient_with("X", Advice::RetryAfter(Duration::from_secs(1))), true),
        // A repeated request repeats the transaction.
        (Classification::transient_with("X", Advice::RetryTransactionOnce), true),
        (Classification::transient_with("X", Advice::RetryTransaction), true),
        (Classification::transient_with("X", Advice::DoNotRetry), false),
        (Classification::permanent("X"), false),
        (Classification::partial("X"), false),
        (Classification::fatal("X"), false),
        (Classification::unclassified(), false),
    ];
    for (is, retryable) in table {
        assert_eq!(Problem::of(&saying(is)).is_retryable(), retryable, "{is:?}");
    }
}

#[test]
fn retry_after_is_rounded_up_to_seconds() {
    let wait = |millis| RateLimited::new("api").with_retry_after(Duration::from_millis(millis));
    assert_eq!(Problem::of(&wait(1)).retry_after(), Some(1));
    assert_eq!(Problem::of(&wait(10_000)).retry_after(), Some(10));
    assert_eq!(Problem::of(&wait(10_001)).retry_after(), Some(11));
    assert_eq!(Problem::of(&ServiceUnavailable::new("api")).retry_after(), None);
}

#[test]
fn only_a_401_has_a_challenge() {
    let problem = Problem::of(&AuthFailed::new());
    assert_eq!(problem.challenge(), Some("Bearer"));
    assert_eq!(problem.with_challenge("Basic realm=\"a\"").challenge(), Some("Basic realm=\"a\""));
    assert_eq!(Problem::new(403, "FORBIDDEN").with_challenge("Basic").challenge(), None);
}

#[test]
fn non_error_status_becomes_500() {
    for status in [0, 200, 302, 399, 600, u16::MAX] {
        assert_eq!(Problem::new(status, "X").status(), 500);
    }
}

#[test]
fn problem_type_can_be_set() {
    let problem =
        Problem::new(403, "OUT_OF_CREDIT").with_type("https://example.com/probs/out-of-credit");
    assert!(
        problem.body().starts_with(
            r#"{"type":"https://example.com/probs/out-of-credit","title":"Forbidden","#
        )
    );
}

#[derive(Debug, thiserror::Error, ServiceError)]
enum UserError {
    #[error("no row {id}")]
    #[service(not_found, public = "No such user")]
    Unknown { id: u32 },
    #[error(transparent)]
    #[service(transparent)]
    Invalid(#[from] ValidationError),
}

#[test]
fn question_mark_turns_any_classified_error_into_a_problem() {
    fn own(id: u32) -> Result<(), Problem> {
        Err(UserError::Unknown { id })?;
        Ok(())
    }
    fn nested() -> Result<(), Problem> {
        Err(UserError::from(ValidationError::new("email", "must contain an @")))?;
        Ok(())
    }
    fn io() -> Result<(), Problem> {
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused))?;
        Ok(())
    }
    fn anyhow() -> Result<(), Problem> {
        Err(anyhow::Error::from(UserError::Unknown { id: 1 }).context("loading the page"))?;
        Ok(())
    }
    fn boxed() -> Result<(), Problem> {
        let error: Box<dyn std::error::Error + Send + Sync> =
            Box::new(UserError::Unknown { id: 1 });
        Err(error)?;
        Ok(())
    }
    let text = |result: Result<(), Problem>| result.unwrap_err().to_string();
    assert_eq!(text(own(7)), "404 NOT_FOUND: No such user");
    assert_eq!(
        text(nested()),
        "422 VALIDATION_ERROR: validation failed on email: must contain an @"
    );
    assert_eq!(nested().unwrap_err().errors(), [FieldError::new("email", "must contain an @")]);
    assert_eq!(text(io()), "503 CONNECT_FAILED: The service is temporarily unavailable");
    assert_eq!(text(anyhow()), "404 NOT_FOUND: No such user");
    assert_eq!(text(boxed()), "404 NOT_FOUND: No such user");
}
