#![deny(warnings)]

use std::fmt;

use resilience::{Classification, Classify, circuit_breaker, degrade, retry, timeout};

#[derive(Debug)]
struct StockError;

impl fmt::Display for StockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no stock")
    }
}

impl Classify for StockError {
    fn classify(&self) -> Classification {
        Classification::transient("NO_STOCK")
    }
}

type Stock<T> = Result<T, StockError>;

#[degrade(fallback = 0)]
#[retry(idempotent)]
#[circuit_breaker]
#[timeout("5s")]
async fn stock() -> Result<u32, StockError> {
    Ok(1)
}

#[timeout("5s")]
async fn alias() -> Stock<u32> {
    Ok(1)
}

#[retry(idempotent, external_timeout)]
async fn nothing_rejects() -> Result<u32, StockError> {
    Ok(1)
}

fn main() {
    let _ = (stock(), alias(), nothing_rejects());
}
