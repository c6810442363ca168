#![deny(warnings)]

use std::panic::Location;

use resilience::{retry, timeout};
use resilience_test_support::CallError;

mod reqwest {
    pub struct Response;
}

trait Stream {}

struct Numbers;

impl Stream for Numbers {}

#[retry(idempotent, blocking)]
#[track_caller]
fn caller() -> Result<u32, CallError> {
    Ok(Location::caller().line())
}

#[timeout("5s")]
async fn numbers() -> Result<impl Stream, CallError> {
    Ok(Numbers)
}

#[timeout("5s")]
async fn boxed() -> Result<Box<dyn Stream>, CallError> {
    Ok(Box::new(Numbers))
}

#[timeout("5s")]
async fn response() -> Result<reqwest::Response, CallError> {
    Ok(reqwest::Response)
}

#[timeout("5s")]
#[allow(deprecated)]
async fn allowed() -> Result<impl Stream, CallError> {
    Ok(Numbers)
}

fn main() {
    let _ = (caller(), numbers(), boxed(), response(), allowed());
}
