//! Log records of errors: one for each failure, at its boundary.

mod record;
pub(crate) mod seen;
mod text;

use std::panic::Location;

use record::Failure;
use seen::{Fingerprint, Place};

use crate::{Category, Classify, RequestContext, Shutdown, alert};

/// How many links of a chain are looked at: nothing promises that a chain has an end.
const LINKS: usize = 32;

/// Logs an error at a boundary: a handler, a consumer, the end of a program.
///
/// One event per failure, as [`Report`] describes it; the operation is the current [`RequestContext`]'s.
///
/// ```
/// use resilience::{errors::NotFound, report};
///
/// report(&NotFound::new("user", "42")); // WARN expected_error, error.type = "NOT_FOUND", …
/// ```
#[track_caller]
pub fn report<E: Classify + ?Sized>(error: &E) -> Reported {
    Report::new(error).emit()
}

/// The log record of an error, before it is made: says where the boundary is and what was being done there.
///
/// ```
/// use resilience::{Report, errors::NotFound};
///
/// let reported = Report::new(&NotFound::new("user", "42")).operation("get_user").emit();
/// assert!(reported.is_fresh());
/// ```
#[must_use = "a report is made by `emit`"]
#[derive(Debug)]
pub struct Report<'a, E: ?Sized> {
    error: &'a E,
    operation: Option<&'a str>,
    place: Place,
}

impl<'a, E: Classify + ?Sized> Report<'a, E> {
    /// A report of this error, at the place of the call.
    #[track_caller]
    pub fn new(error: &'a E) -> Self {
        let caller = Location::caller();
        Self { error, operation: None, place: Place { file: caller.file(), line: caller.line() } }
    }

    /// Names what was being done. By default it is what the current [`RequestContext`] says.
    pub fn operation(mut self, operation: &'a str) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Sets the file and line of the boundary.
    pub fn at(mut self, file: &'static str, line: u32) -> Self {
        self.place = Place { file, line };
        self
    }

    /// Logs it, unless another boundary of the same request has.
    ///
    /// Formats nothing and captures nothing unless somebody wants the record.
    pub fn emit(self) -> Reported {
        let class = self.error.classify();
        let context = RequestContext::current();
        let of_context = context.as_ref().and_then(RequestContext::operation);
        let failure = Failure {
            error: &self.error,
            type_name: std::any::type_name::<E>(),
            class,
            evidence: self.error.evidence(),
            operation: self.operation.or(of_context.as_deref()),
            place: self.place,
            context: context.as_ref(),
        };
        let alerting = alert::is_wanted();
        let wanted = alerting || record::is_wanted(class.severity());
        let fresh = context.as_ref().filter(|_| wanted).is_none_or(|context| {
            let print = Fingerprint::of(failure.error, &failure.evidence);
            context.seen(|seen| seen.is_news(&print, self.place))
        });
        if fresh {
            failure.log();
        } else {
            failure.passed();
        }
        if fresh && alerting {
            alert::failed(failure.operation, &class);
        }
        if class.category() == Some(Category::Fatal) {
            Shutdown::current().request(class.code(), failure.operation);
        }
        Reported { fresh }
    }
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reported {
    fresh: bool,
}

impl Reported {
    /// Whether this is the failure's first report; false if another boundary of the same request has logged it.
    pub const fn is_fresh(self) -> bool {
        self.fresh
    }
}
