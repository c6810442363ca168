// Options for logs, alerts and answers that contradict the variant.

use std::backtrace::Backtrace;
use std::panic::Location;

use resilience::{FieldError, ServiceError};

#[derive(Debug, thiserror::Error, ServiceError)]
enum OrderError {
    #[error("fatal alerts at once")]
    #[service(fatal, alert = low_priority)]
    Fatal,
    #[error("no such alert")]
    #[service(permanent, alert = sometimes)]
    NoSuchAlert,
    #[error("twice")]
    #[service(permanent, alert = at_once, alert = low_priority)]
    Twice,
    #[error("the server's affair")]
    #[service(unavailable)]
    Server(#[service(errors)] Vec<FieldError>),
    #[error("two lists")]
    #[service(validation)]
    TwoLists(#[service(errors)] Vec<FieldError>, #[service(errors)] Vec<FieldError>),
    #[error("two roles")]
    #[service(conflict)]
    TwoRoles(#[service(backtrace, location)] Option<&'static Location<'static>>),
    #[error("the source knows")]
    #[service(transparent, severity = critical)]
    Transparent {
        #[service(source)]
        inner: resilience::Rejected,
        #[service(backtrace)]
        backtrace: Box<Backtrace>,
        #[service(errors)]
        errors: Vec<FieldError>,
    },
    #[error("not on a variant")]
    #[service(forbidden, sensitive, backtrace, location, errors, axum)]
    Misplaced,
    #[error("not on a field")]
    #[service(internal)]
    OnField(#[service(alert = at_once)] u8, #[service(axum)] u8, #[service(redacted)] u8),
}

#[derive(Debug, thiserror::Error, ServiceError)]
#[error("of another type")]
#[service(not_found)]
#[service(axum = true)]
struct WithValue;

// No error on the following lines.
fn no_second_error(error: OrderError) {
    let error: &dyn ServiceError = &error;
    _ = (error.classify(), OrderError::CATALOG.len(), WithValue::CATALOG);
}

fn main() {}
