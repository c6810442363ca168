use resilience::ServiceError;

#[derive(Debug, thiserror::Error, ServiceError)]
#[service(domain = "")]
enum OrderError {
    #[error("code")]
    #[service(permanent, code = "not-found")]
    Code,
    #[error("code")]
    #[service(permanent, code = "404")]
    Number,
    #[error("code")]
    #[service(permanent, code = NOT_FOUND)]
    Bare,
    #[error("code")]
    #[service(permanent, code)]
    NoValue,
    #[error("status")]
    #[service(permanent, status = 200)]
    Success,
    #[error("status")]
    #[service(permanent, status = "404")]
    Text,
    #[error("status")]
    #[service(permanent, status = 99999999999)]
    Huge,
    #[error("choices")]
    #[service(transient, severity = high, sent = "no", retry = 3)]
    Choices,
    #[error("word")]
    #[service(transient = true)]
    WordWithValue,
    #[error("kind")]
    #[service(not_found("it"))]
    KindWithArguments,
    #[error("empty")]
    #[service()]
    Empty,
    #[error("alone")]
    #[service]
    Alone,
    #[error("equals")]
    #[service = "transient"]
    Equals,
    #[error("comma")]
    #[service(transient status = 503)]
    Comma,
    #[error("literal")]
    #[service("transient")]
    Literal,
    #[error("public")]
    #[service(validation, public = 3)]
    Public,
}

#[derive(Debug, thiserror::Error, ServiceError)]
#[error("relative")]
#[service(permanent, crate = resilience)]
struct Relative;

// No error on the following lines.
fn no_second_error(error: OrderError) {
    let error: &dyn ServiceError = &error;
    _ = (error.classify(), OrderError::CATALOG.len(), Relative::CATALOG);
}

fn main() {}
