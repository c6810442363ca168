//! The attributes, as a user writes them.

use resilience::{
    CircuitBreaker, CircuitBreakers, Flag, RequestContext, boundary, circuit_breaker, degrade,
    retry, secs, timeout,
};

use crate::body::{CallError, Large, answer, large_answer, small};
use crate::harness::{Case, Contender};

static CLOSED: CircuitBreaker = CircuitBreaker::new("closed");
static RATE: CircuitBreaker = CircuitBreaker::new("rate").failure_rate(50);
static TIME: CircuitBreaker = CircuitBreaker::new("time").failure_rate(50).window_time(secs(10));
static KEYED: CircuitBreakers<u64> = CircuitBreakers::new("keyed");
static NEST: CircuitBreaker = CircuitBreaker::new("nest");
static OPEN: CircuitBreaker = CircuitBreaker::new("open").recovery_timeout(secs(86_400));

#[retry(idempotent, external_timeout)]
async fn retried(input: u64) -> Result<u64, CallError> {
    answer(input)
}

#[timeout("5s")]
async fn limited(input: u64) -> Result<u64, CallError> {
    answer(input)
}

#[circuit_breaker(CLOSED)]
async fn guarded(input: u64) -> Result<u64, CallError> {
    answer(input)
}

#[circuit_breaker(RATE)]
async fn guarded_by_rate(input: u64) -> Result<u64, CallError> {
    answer(input)
}

#[circuit_breaker(TIME)]
async fn guarded_over_time(input: u64) -> Result<u64, CallError> {
    answer(input)
}

#[circuit_breaker(KEYED, key = input)]
async fn guarded_by_key(input: u64) -> Result<u64, CallError> {
    answer(input)
}

struct Client {
    breaker: CircuitBreaker,
}

static CLIENT: Client = Client { breaker: CircuitBreaker::new("field") };

impl Client {
    #[circuit_breaker(self.breaker)]
    async fn guarded(&self, input: u64) -> Result<u64, CallError> {
        answer(input)
    }
}

#[circuit_breaker(OPEN)]
async fn refused(input: u64) -> Result<u64, CallError> {
    answer(input)
}

#[degrade(fallback = 0)]
#[retry(idempotent)]
#[circuit_breaker(NEST)]
#[timeout("5s")]
async fn full_nest(input: u64) -> Result<u64, CallError> {
    answer(input)
}

#[degrade(fallback = [0; 1024])]
#[retry(idempotent)]
#[circuit_breaker(NEST)]
#[timeout("5s")]
async fn full_nest_large(input: u64) -> Result<Large, CallError> {
    large_answer(input)
}

#[boundary]
async fn bounded(input: u64) -> Result<u64, CallError> {
    answer(input)
}

#[boundary]
async fn bounded_and_read(input: u64) -> Result<u64, CallError> {
    let id = RequestContext::current().map_or(0, |context| context.request_id().as_str().len());
    answer(input + std::hint::black_box(id) as u64 - 36)
}

static FLAG: Flag = Flag::new("bench");

#[degrade(flag = FLAG)]
async fn switchable(input: u64) -> Result<u64, CallError> {
    answer(input)
}

#[degrade(stale(max_age = "10m", key = input))]
async fn kept(input: u64) -> Result<u64, CallError> {
    answer(input)
}

pub(crate) fn contenders() -> Vec<Contender> {
    vec![
        Contender::new(Case::Retry, "ours", retried),
        Contender::new(Case::Timeout, "ours", limited),
        Contender::new(Case::Breaker, "ours", guarded),
        Contender::new(Case::BreakerRate, "ours", guarded_by_rate),
        Contender::new(Case::BreakerTime, "ours", guarded_over_time),
        Contender::new(Case::BreakerKeyed, "ours", guarded_by_key),
        Contender::new(Case::BreakerCall, "ours", |input| CLOSED.call(small(input))),
        Contender::new(Case::BreakerField, "ours", |input| CLIENT.guarded(input)),
        Contender::new(Case::FullNest, "ours", full_nest),
        Contender::new(Case::FullNestLarge, "ours", full_nest_large),
        Contender::new(Case::Rejected, "ours", refused),
        Contender::new(Case::Boundary, "ours", bounded),
        Contender::new(Case::BoundaryRead, "ours", bounded_and_read),
        Contender::new(Case::Flag, "ours", switchable),
        Contender::new(Case::Stale, "ours", kept),
    ]
}
