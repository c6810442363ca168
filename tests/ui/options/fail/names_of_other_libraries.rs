#![deny(warnings)]

use resilience::{circuit_breaker, degrade, retry, timeout};
use resilience_test_support::CallError;

#[retry(
    max_retries = 3, retries = 3, max_attempts = 3, max_times = 3, times = 3, limit = 3, delay = "1s", min_delay = "1s",
    initial_interval = "1s", min_timeout = "1s", max_timeout = "1s", max_interval = "1s", factor = 2, multiplier = 2.0,
    backoff = ExponentialBackoff::default(), handle_result = |answer, attempt| answer.is_busy(), retry_if = , timeout = "5s",
    name = "inventory", tries = 3, stop_after_attempt = 3, base_delay = "1s", initial_delay = "1s", initial_backoff = "1s",
    min_backoff = "1s", interval = "1s", max_backoff = "1s", max_elapsed_time = "1s", total_delay = "1s",
    stop_after_delay = "1s", on = Busy, predicate = is_busy, condition = is_busy, on_retry = log, notify = log,
    policy = STANDARD, not_idempotent, fallback = 0, MaxRetryAttempts = 5, max_retry_time = "1m", useJitter = true,
    probes = 1, failureRateThreshold = 50, maxConcurrentCalls = 10, limitForPeriod = 10,
)]
async fn retried() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(
    name = "inventory", fail_max = 5, failures = 5, threshold = 5, consecutive_failures = 5, reset_timeout = "1s",
    wait_duration = "1s", wait_duration_in_open_state = "1s", open_duration = "1s", half_open_requests = 1,
    permitted_calls_in_half_open = 1, success_threshold = 1, exclude = NotFound,
    breaker = INVENTORY, max_failures = 5, failure_rate_threshold = 50, sliding_window_size = 10,
    minimum_number_of_calls = 5, break_duration = "1s", cooldown = "1s", sleep_window = "1s",
    permitted_number_of_calls_in_half_open_state = 3, half_open_max_calls = 3, ignore_errors = NotFound,
    ignore_exceptions = NotFound, backoff = 2
)]
async fn broken() -> Result<u32, CallError> {
    Ok(1)
}

#[timeout(duration = "5s", after = "5s", millis = 500, secs = 5, seconds = 5, name = "inventory", limit = "5s", ms = 500, deadline = "5s", per_attempt = "5s")]
async fn timed() -> Result<u32, CallError> {
    Ok(1)
}

#[degrade(fallback_value = 0, default, value = 0, with = 0, service_name = "inventory", name = "inventory", fallback_fn = none, critical)]
async fn degraded() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (retried(), broken(), timed(), degraded());
}
