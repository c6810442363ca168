#![deny(warnings)]

use resilience::degrade;
use resilience_test_support::CallError;

#[degrade(fallback = 0, on = fatal)]
async fn fatal() -> Result<u32, CallError> {
    Ok(1)
}

#[degrade(fallback = 0, on = [transient, timeout])]
async fn no_kind() -> Result<u32, CallError> {
    Ok(1)
}

#[degrade(fallback = 0, on = "transient")]
async fn text() -> Result<u32, CallError> {
    Ok(1)
}

#[degrade(fallback = 0, on = [partial, partial])]
async fn twice() -> Result<u32, CallError> {
    Ok(1)
}

#[degrade(fallback = 0, on = [])]
async fn none() -> Result<u32, CallError> {
    Ok(1)
}

#[degrade(fallback = 0, on = permanent, non_critical)]
async fn non_critical_too() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (fatal(), no_kind(), text(), twice(), none(), non_critical_too());
}
