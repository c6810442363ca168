//! Rejects requests, by one rule: a 422 is logged as the error that it is, all others as
//! `request_rejected`. Both have the names of the invalid fields, and never their values.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::slice;

use super::status::code_for;
use crate::error::taxonomy::field_names;
use crate::http::Problem;
use crate::request::RequestId;
use crate::support::escape;
use crate::{Classification, Classify, FieldError, report::Report, taxonomy::Evidence};

/// How much of a detail is logged, in bytes.
const MAX_DETAIL: usize = 1024;

/// The problem of a request that can't be read.
pub(super) fn rejected(status: u16, detail: impl Into<Cow<'static, str>>) -> Problem {
    let problem = Problem::new(status, code_for(status)).with_detail(detail);
    log(&problem);
    problem
}

/// The problem of a request with an invalid field.
#[track_caller]
pub(super) fn invalid(
    status: u16,
    field: FieldError,
    layer: Option<&'static Location<'static>>,
) -> Problem {
    let error = Invalid { status, field };
    let problem = Problem::of(&error);
    if status == 422 {
        let place = layer.unwrap_or(Location::caller());
        Report::new(&error).at(place.file(), place.line()).emit();
    } else {
        log(&problem);
    }
    problem
}

/// Logs a client error at DEBUG, since it isn't an error of the service.
pub(super) fn log(problem: &Problem) {
    let (code, status, detail) = (problem.code(), problem.status(), problem.detail());
    if status < 500 {
        tracing::debug!(
            target: "resilience",
            request_id = problem.request_id().map(RequestId::as_str),
            code,
            status,
            detail = escape::line(detail.to_owned(), MAX_DETAIL),
            fields = field_names(problem.errors()),
            "request_rejected"
        );
    }
}

/// A request with an invalid field.
#[derive(Debug)]
struct Invalid {
    status: u16,
    field: FieldError,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request has an invalid field")
    }
}

impl Error for Invalid {}

impl Classify for Invalid {
    fn classify(&self) -> Classification {
        Classification::permanent(code_for(self.status)).with_status(self.status)
    }

    fn field_errors(&self) -> Cow<'_, [FieldError]> {
        slice::from_ref(&self.field).into()
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}
