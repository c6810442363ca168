#![deny(warnings)]

use resilience as r;
use resilience_test_support::CallError;

#[r::retry]
#[r::timeout("5s")]
async fn stock() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = stock();
}
