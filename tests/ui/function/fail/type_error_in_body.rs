#![deny(warnings)]

use resilience::{degrade, retry, timeout};
use resilience_test_support::CallError;

#[degrade(fallback = 0)]
#[retry(idempotent)]
#[timeout("5s")]
async fn wrong_tail(sku: &str) -> Result<u32, CallError> {
    sku.len()
}

#[retry(idempotent)]
#[timeout("5s")]
async fn no_tail(sku: &str) -> Result<u32, CallError> {
    sku.len();
}

#[timeout("5s")]
async fn wrong_return(sku: &str) -> Result<u32, CallError> {
    if sku.is_empty() {
        return sku.len();
    }
    Ok(1)
}

#[timeout("5s")]
async fn wrong_question_mark(sku: &str) -> Result<u32, CallError> {
    Ok(sku.parse::<u32>()?)
}

#[retry(idempotent, blocking)]
fn not_async(sku: &str) -> Result<u32, CallError> {
    sku.len()
}

fn main() {
    let _ = (wrong_tail(""), no_tail(""), wrong_return(""), wrong_question_mark(""), not_async(""));
}
