#![deny(warnings)]

use resilience::{Rejected, circuit_breaker, degrade, retry, timeout};

#[derive(Debug, thiserror::Error)]
enum StockError {
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

#[degrade(fallback = 0)]
#[retry(idempotent)]
#[circuit_breaker]
#[timeout("5s")]
async fn stock() -> Result<u32, StockError> {
    Ok(1)
}

#[circuit_breaker]
fn foreign() -> Result<u32, std::num::ParseIntError> {
    "1".parse()
}

#[timeout("5s")]
async fn nothing_classifies() -> Result<u32, StockError> {
    Ok(1)
}

fn main() {
    let _ = (stock(), foreign(), nothing_classifies());
}
