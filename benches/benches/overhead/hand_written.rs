//! What an expert writes without a library: no closures, no boxes, no locks, and the same rules on
//! the success path as the attributes keep. It is the ceiling that they are measured against.
//!
//! Left out is only what happens off that path, or beside it: events, `Retry-After`, growth and
//! jitter of the recovery, the probe's lease, the budget's refill by time, and the context that a
//! body can ask for its attempt.

mod breaker;
mod retry;
mod timeout;

use std::time::Duration;

use resilience::Rejected;

use crate::body::{CallError, Large, large, small};
use crate::harness::{Case, Contender};
use breaker::Breaker;
use retry::{Budget, Tries};
use timeout::Lazy;

const LIMIT: Duration = Duration::from_secs(5);

static CLOSED: Breaker = Breaker::new(5, Duration::from_secs(30));
static NEST: Breaker = Breaker::new(5, Duration::from_secs(30));
static OPEN: Breaker = Breaker::new(5, Duration::from_hours(24));
static BUDGET: Budget = Budget::new();

async fn retried(input: u64) -> Result<u64, CallError> {
    let mut tries = Tries::new();
    loop {
        let pause = match small(input).await {
            Err(error) => tries.judge(error, &BUDGET)?,
            ok => {
                BUDGET.deposit();
                return ok;
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn limited(input: u64) -> Result<u64, CallError> {
    Lazy::new(LIMIT, small(input)).await
}

async fn guarded(breaker: &Breaker, input: u64) -> Result<u64, CallError> {
    let Some(permit) = breaker.acquire() else {
        return Err(Rejected::circuit_open("service", None).into());
    };
    let outcome = small(input).await;
    permit.settle(&outcome);
    outcome
}

/// Fallback, retry, breaker and timeout in one function.
macro_rules! full_nest {
    ($name:ident, $value:ty, $body:ident, $fallback:expr, $limit:path) => {
        async fn $name(input: u64) -> Result<$value, CallError> {
            let mut tries = Tries::new();
            loop {
                // All in one statement, so that nothing of the outcome is left in the future while
                // it waits.
                let pause = match 'guarded: {
                    let Some(permit) = NEST.acquire() else {
                        break 'guarded Err(Rejected::circuit_open("service", None).into());
                    };
                    match $limit(LIMIT, $body(input)).await {
                        Ok(value) if permit.is_current() => {
                            std::mem::forget(permit);
                            Ok(value)
                        }
                        outcome => {
                            permit.settle(&outcome);
                            outcome
                        }
                    }
                } {
                    Err(error) => match tries.judge(error, &BUDGET) {
                        Ok(pause) => pause,
                        Err(error) if error.is_transient() => return Ok($fallback),
                        Err(error) => return Err(error),
                    },
                    Ok(value) => {
                        BUDGET.deposit();
                        return Ok(value);
                    }
                };
                tokio::time::sleep(pause).await;
            }
        }
    };
}

full_nest!(full_nest, u64, small, 0, Lazy::new);
full_nest!(full_nest_large, Large, large, [0; 1024], Lazy::new);
full_nest!(full_nest_tokio, u64, small, 0, timeout::eager);
full_nest!(full_nest_large_tokio, Large, large, [0; 1024], timeout::eager);

/// With tokio's timer instead of one that is armed when it is needed. Not part of the results that
/// are written down.
pub(crate) const WITH_TOKIO: &str = "hand-written, tokio's timeout";

pub(crate) fn contenders() -> Vec<Contender> {
    vec![
        Contender::new(Case::Retry, "hand-written", retried),
        Contender::new(Case::Timeout, "hand-written", limited),
        Contender::new(Case::Breaker, "hand-written", |input| guarded(&CLOSED, input)),
        Contender::new(Case::FullNest, "hand-written", full_nest),
        Contender::new(Case::FullNestLarge, "hand-written", full_nest_large),
        Contender::new(Case::FullNest, WITH_TOKIO, full_nest_tokio),
        Contender::new(Case::FullNestLarge, WITH_TOKIO, full_nest_large_tokio),
        Contender::new(Case::Rejected, "hand-written", |input| guarded(&OPEN, input)),
    ]
}
