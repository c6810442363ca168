// Type errors are reported at the field.

use resilience::ServiceError;

#[derive(Debug, thiserror::Error, ServiceError)]
enum OrderError {
    #[error("a text is no backtrace")]
    #[service(conflict)]
    Trace(#[service(backtrace)] String),
    #[error("a line is no place")]
    #[service(internal)]
    Place {
        #[service(location)]
        line: u32,
    },
    #[error("texts are no field errors")]
    #[service(validation)]
    Fields(#[service(errors)] Vec<String>),
}

fn main() {}
