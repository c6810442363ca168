#![deny(warnings)]

use resilience::circuit_breaker;
use resilience_test_support::CallError;

const CALLS: u32 = 50;

#[circuit_breaker(failure_threshold = 5, failure_rate = "50%")]
async fn two_modes() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(window = 100, min_calls = 20, slow_call = "2s", slow_rate = "80%")]
async fn without_failure_rate() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(failure_rate = "0%", window = 0, min_calls = 0, slow_call = "0s", slow_rate = "0%")]
async fn too_small() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(failure_rate = "101%", window = 5000, slow_call = "2d", slow_rate = "120%")]
async fn too_large() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(failure_rate = 50, window = "1ms", slow_call = 2, slow_rate = 0.8)]
async fn wrong_form() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(failure_rate = "50%", window = 10, min_calls = 20)]
async fn minimum_above_window() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(failure_rate = "50%", slow_rate = "80%")]
async fn slow_rate_alone() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(failure_rate = "50%", slow_call = "2s")]
async fn slow_call_alone() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(failure_rate = "50%", slow_while_running)]
async fn nothing_slow() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(failure_rate = "50%", window = CALLS)]
async fn constant_window() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(failure_rate = "50%", min_calls = calls)]
async fn minimum_from_argument(calls: u32) -> Result<u32, CallError> {
    Ok(calls)
}

#[circuit_breaker(failureRateThreshold = 60, slidingWindowSize = 50, minimumNumberOfCalls = 5, slowCallDurationThreshold = "3s")]
async fn resilience4j() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(FailureRatio = 0.25, SamplingDuration = "30s", MinimumThroughput = 8)]
async fn polly() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (two_modes(), without_failure_rate(), too_small(), too_large(), wrong_form());
    let _ = (minimum_above_window(), slow_rate_alone(), slow_call_alone(), nothing_slow());
    let _ = (constant_window(), minimum_from_argument(1), resilience4j(), polly());
}
