#![deny(warnings)]

use resilience::{Sourced, degrade};
use resilience_test_support::CallError;

struct Stock;

#[degrade(fallback = Sourced::live(Stock))]
async fn sourced_itself() -> Result<Sourced<Stock>, CallError> {
    Ok(Sourced::live(Stock))
}

#[degrade(fallback = 0)]
async fn number() -> Result<Sourced<Stock>, CallError> {
    Ok(Sourced::live(Stock))
}

#[degrade(fallback = 0)]
async fn not_sourced() -> Result<Stock, CallError> {
    Ok(Stock)
}

#[degrade(fallback = Stock)]
async fn body_without_source() -> Result<Sourced<Stock>, CallError> {
    Ok(Stock)
}

fn main() {
    let _ = (sourced_itself(), number(), not_sourced(), body_without_source());
}
