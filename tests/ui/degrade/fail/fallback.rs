#![deny(warnings)]

use resilience::degrade;
use resilience_test_support::CallError;

#[degrade]
async fn missing() -> Result<u32, CallError> {
    Ok(1)
}

#[degrade(non_critical)]
async fn missing_too() -> Result<u32, CallError> {
    Ok(1)
}

#[degrade(0)]
async fn without_name() -> Result<u32, CallError> {
    Ok(1)
}

#[degrade(fallback)]
async fn without_value() -> Result<u32, CallError> {
    Ok(1)
}

#[degrade(fallback = |error, attempt| 0)]
async fn two_arguments() -> Result<u32, CallError> {
    Ok(1)
}

#[degrade(fallback = async |error| 0, non_critical = true)]
async fn async_closure() -> Result<u32, CallError> {
    Ok(1)
}

fn empty() -> u32 {
    0
}

#[degrade(fallback = empty)]
async fn function() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = function();
    let _ = (missing(), missing_too(), without_name(), without_value(), two_arguments(), async_closure());
}
