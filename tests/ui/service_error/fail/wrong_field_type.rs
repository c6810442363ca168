// Type errors are reported at the field.

use resilience::ServiceError;

#[derive(Debug)]
struct Opaque;

#[derive(Debug, thiserror::Error, ServiceError)]
enum OrderError {
    #[error("seconds")]
    #[service(transient)]
    Wait {
        #[service(retry_after)]
        seconds: u64,
    },
    #[error("source")]
    #[service(transparent)]
    Source(std::fmt::Error),
    #[error("shown")]
    #[service(validation, public = "bad {value}")]
    Shown {
        #[service(expose)]
        value: Opaque,
    },
}

fn main() {}
