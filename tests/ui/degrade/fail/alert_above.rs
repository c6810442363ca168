#![deny(warnings)]

use resilience::degrade;
use resilience_test_support::CallError;

#[degrade(fallback = 0, alert_above = 5)]
async fn number() -> Result<u32, CallError> {
    Ok(1)
}

#[degrade(fallback = 0, alert_above = "5")]
async fn no_rate() -> Result<u32, CallError> {
    Ok(1)
}

#[degrade(fallback = 0, alert_above = "5/1")]
async fn no_unit() -> Result<u32, CallError> {
    Ok(1)
}

#[degrade(fallback = 0, alert_above = "5000/1m")]
async fn too_many() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (number(), no_rate(), no_unit(), too_many());
}
