#![deny(warnings)]

use resilience::{Retry, retry};
use resilience_test_support::CallError;

fn is_done(value: &String) -> bool {
    value == "done"
}

#[retry(idempotent, external_timeout, when = |error, attempt| attempt < 3)]
async fn two_arguments() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(idempotent, external_timeout, when = |error| error.to_string())]
async fn not_a_condition() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(idempotent, external_timeout, retry_ok = is_done)]
async fn value_of_another_type() -> Result<u32, CallError> {
    Ok(1)
}

#[retry(idempotent, external_timeout, retry_ok = |value| value.is_pending())]
async fn no_such_method() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (two_arguments(), not_a_condition(), value_of_another_type(), no_such_method());
    let _ = Retry::new().when(|error: &CallError| error.to_string());
}
