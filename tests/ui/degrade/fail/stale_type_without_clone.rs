#![deny(warnings)]

use resilience::{Sourced, degrade};
use resilience_test_support::CallError;

struct Stock;

struct Sku;

#[degrade(stale(max_age = "10m"))]
async fn plain() -> Result<Stock, CallError> {
    Ok(Stock)
}

#[degrade(fallback = Stock, stale(max_age = "10m", key = sku))]
async fn sourced(sku: &str) -> Result<Sourced<Stock>, CallError> {
    let _ = sku;
    Ok(Sourced::live(Stock))
}

#[degrade(stale(max_age = "10m", key = sku))]
async fn key_without_hash(sku: Sku) -> Result<u32, CallError> {
    let Sku = sku;
    Ok(1)
}

fn main() {
    let _ = (plain(), sourced(""), key_without_hash(Sku));
}
