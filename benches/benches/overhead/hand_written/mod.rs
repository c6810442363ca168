//! What an expert would write without a library: no closures, boxes or locks, and the same rules on
//! the success path as the attributes. The attributes are measured against this upper bound.
//!
//! Only code outside the success path is left out: events, `Retry-After`, growth and jitter of the
//! recovery timeout, the probe's lease, and the time-based refill of the budget. The context from
//! which a body can read its attempt number is measured in separate contenders.

mod boundary;
mod breaker;
mod context;
mod retry;
mod timeout;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use resilience::Rejected;

use crate::body::{CallError, Large, answer, large, small};
use crate::harness::{Case, Contender};
use breaker::Breaker;
use context::Shown;
use retry::{Budget, History, Tries};
use timeout::Lazy;

const LIMIT: Duration = Duration::from_secs(5);

static CLOSED: Breaker = Breaker::new(5, Duration::from_secs(30));
/// A breaker for each key, of the keys that were used last.
static KEYED: LazyLock<moka::sync::Cache<u64, Arc<Breaker>>> =
    LazyLock::new(|| moka::sync::Cache::new(10_000));
static NEST: Breaker = Breaker::new(5, Duration::from_secs(30));
static OPEN: Breaker = Breaker::new(5, Duration::from_hours(24));
static BUDGET: Budget = Budget::new();

/// The body without a frame.
macro_rules! bare {
    ($tries:ident, $body:expr, $limit:expr) => {
        $body
    };
}

/// The body with its frame.
macro_rules! shown {
    ($tries:ident, $body:expr, $limit:expr) => {
        Shown::new($tries.number(), $limit, $body)
    };
}

macro_rules! retried {
    ($name:ident, $tries:ty, $show:ident) => {
        async fn $name(input: u64) -> Result<u64, CallError> {
            let mut tries = <$tries>::new();
            loop {
                let pause = match $show!(tries, small(input), u64::MAX).await {
                    Err(error) => tries.judge(error, &BUDGET)?,
                    ok => {
                        BUDGET.deposit();
                        return ok;
                    }
                };
                tokio::time::sleep(pause).await;
            }
        }
    };
}

retried!(retried, Tries, bare);
retried!(retried_shown, Tries, shown);
retried!(retried_equal, History, shown);

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

async fn guarded_by_key(input: u64) -> Result<u64, CallError> {
    let breaker = || Arc::new(Breaker::new(5, Duration::from_secs(30)));
    let breaker = KEYED.get(&input).unwrap_or_else(|| KEYED.get_with(input, breaker));
    guarded(&breaker, input).await
}

async fn guarded_call<T>(
    breaker: &Breaker,
    call: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    let Some(permit) = breaker.acquire() else {
        return Err(Rejected::circuit_open("service", None).into());
    };
    let outcome = call.await;
    permit.settle(&outcome);
    outcome
}

async fn bounded(input: u64) -> Result<u64, CallError> {
    boundary::bounded("bounded", small(input)).await
}

async fn bounded_and_read(input: u64) -> Result<u64, CallError> {
    boundary::bounded("bounded", async {
        let id = boundary::request_id().map_or(0, |id| id.len());
        answer(input + std::hint::black_box(id) as u64 - 36)
    })
    .await
}

/// Fallback, retry, breaker and timeout in one function.
macro_rules! full_nest {
    ($name:ident, $value:ty, $body:ident, $fallback:expr, $limit:path, $tries:ty, $show:ident) => {
        async fn $name(input: u64) -> Result<$value, CallError> {
            let mut tries = <$tries>::new();
            loop {
                // A single statement, so that no part of the outcome stays in the future during the
                // pause.
                let pause = match 'guarded: {
                    let Some(permit) = NEST.acquire() else {
                        break 'guarded Err(Rejected::circuit_open("service", None).into());
                    };
                    match $limit(
                        LIMIT,
                        $show!(tries, $body(input), LIMIT.as_secs() * 1_000_000_000),
                    )
                    .await
                    {
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

full_nest!(full_nest, u64, small, 0, Lazy::new, Tries, bare);
full_nest!(full_nest_large, Large, large, [0; 1024], Lazy::new, Tries, bare);
full_nest!(full_nest_shown, u64, small, 0, Lazy::new, Tries, shown);
full_nest!(full_nest_equal, u64, small, 0, Lazy::new, History, shown);
full_nest!(full_nest_tokio, u64, small, 0, timeout::eager, Tries, bare);
full_nest!(full_nest_large_tokio, Large, large, [0; 1024], timeout::eager, Tries, bare);

/// Uses tokio's timer instead of one that is armed on demand. Not part of the recorded results.
pub(crate) const WITH_TOKIO: &str = "hand-written, tokio's timeout";

/// Adds what else the attributes do on the success path. `SHOWN` adds the frame that gives a body
/// its attempt and time left. `EQUAL` also adds space for data that only a failed attempt writes.
pub(crate) const SHOWN: &str = "hand-written, with context";
pub(crate) const EQUAL: &str = "hand-written, with context and history";

pub(crate) fn contenders() -> Vec<Contender> {
    assert_eq!(context::current(), (1, u64::MAX), "outside of any body");
    vec![
        Contender::new(Case::Retry, "hand-written", retried),
        Contender::new(Case::Retry, SHOWN, retried_shown),
        Contender::new(Case::Retry, EQUAL, retried_equal),
        Contender::new(Case::FullNest, SHOWN, full_nest_shown),
        Contender::new(Case::FullNest, EQUAL, full_nest_equal),
        Contender::new(Case::Timeout, "hand-written", limited),
        Contender::new(Case::Breaker, "hand-written", |input| guarded(&CLOSED, input)),
        Contender::new(Case::BreakerKeyed, "hand-written", guarded_by_key),
        Contender::new(Case::BreakerCall, "hand-written", |input| {
            guarded_call(&CLOSED, small(input))
        }),
        Contender::new(Case::FullNest, "hand-written", full_nest),
        Contender::new(Case::FullNestLarge, "hand-written", full_nest_large),
        Contender::new(Case::FullNest, WITH_TOKIO, full_nest_tokio),
        Contender::new(Case::FullNestLarge, WITH_TOKIO, full_nest_large_tokio),
        Contender::new(Case::Rejected, "hand-written", |input| guarded(&OPEN, input)),
        Contender::new(Case::Boundary, "hand-written", bounded),
        Contender::new(Case::BoundaryRead, "hand-written", bounded_and_read),
    ]
}
