#![deny(warnings)]

use resilience::{Problem, boundary, retry};

#[boundary]
async fn handler() -> Result<u32, Problem> {
    Ok(1)
}

#[retry(idempotent, blocking)]
fn not_async() -> Result<u32, Problem> {
    Ok(1)
}

fn main() {
    let _ = (handler(), not_async());
}
