#![deny(warnings)]

use resilience::{degrade, retry, timeout};
use resilience_test_support::CallError;

async fn guess() -> u32 {
    0
}

#[degrade(fallback = "nothing")]
#[retry(idempotent)]
#[timeout("5s")]
async fn text() -> Result<u32, CallError> {
    Ok(1)
}

#[degrade(fallback = Ok(0))]
async fn result() -> Result<u32, CallError> {
    Ok(1)
}

#[degrade(fallback = guess())]
async fn not_awaited() -> Result<u32, CallError> {
    Ok(1)
}

#[degrade(fallback = missing)]
fn no_such_name() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (text(), result(), not_awaited(), no_such_name(), guess());
}
