use resilience::ServiceError;

#[derive(Debug, thiserror::Error, ServiceError)]
enum ImportError {
    #[error("0 means success")]
    #[service(validation, exit_code = 0)]
    Success,
    #[error("one byte")]
    #[service(internal, exit_code = 256)]
    TooLarge,
    #[error("a name")]
    #[service(missing_config, exit_code = "EX_CONFIG")]
    Name,
    #[error("nothing")]
    #[service(unavailable, exit_code)]
    NoValue,
}

fn main() {}
