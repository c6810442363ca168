#![deny(warnings)]

use resilience::circuit_breaker;
use resilience_test_support::CallError;

#[circuit_breaker(failure_threshold = 0, probes = 0, recovery_growth = 0, recovery_timeout = "0s", recovery_jitter = "120%")]
async fn too_small() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(failure_threshold = "5", probes = "many", recovery_timeout = 30, recovery_jitter = 20, ignore)]
async fn wrong_form() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(probes = 100000, recovery_growth = 11, recovery_timeout = "2d")]
async fn too_large() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(recovery_jitter = "20", max_recovery_timeout = "10s", recovery_timeout = "30s")]
async fn no_sign() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (too_small(), too_large(), wrong_form(), no_sign());
}
