//! The circuit breaker, through its plain API and on a paused clock.

mod abandoned;
mod closed;
mod control;
mod events;
mod half_open;
mod keyed;
mod model;
mod window;
mod window_model;

use std::fmt;
use std::time::Duration;

use resilience::circuit_breaker::CircuitState::Open;
use resilience::{CircuitBreaker, Classification, Classify, Rejected};
use tokio::time::advance;

const RECOVERY: Duration = Duration::from_secs(30);
const ALMOST: Duration = Duration::from_millis(29_999);

#[derive(Debug, PartialEq)]
enum Error {
    Is(Classification),
    Rejected(Rejected),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Classify for Error {
    fn classify(&self) -> Classification {
        match self {
            Self::Is(classification) => *classification,
            Self::Rejected(rejected) => rejected.classify(),
        }
    }
}

impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

const BUSY: Classification = Classification::transient("BUSY");

async fn call(breaker: &CircuitBreaker, result: Result<(), Classification>) -> Result<(), Error> {
    breaker.call(async { result.map_err(Error::Is) }).await
}

async fn fail(breaker: &CircuitBreaker, times: usize) {
    for _ in 0..times {
        assert_eq!(call(breaker, Err(BUSY)).await, Err(Error::Is(BUSY)));
    }
}

/// Opens the breaker and waits until a probe is due.
async fn due(breaker: &CircuitBreaker) {
    fail(breaker, 5).await;
    assert_eq!(breaker.state(), Open);
    advance(RECOVERY).await;
}

fn retry_after(breaker: &CircuitBreaker) -> Option<Duration> {
    match breaker.acquire().map(drop) {
        Err(Rejected::CircuitOpen { retry_after, .. }) => retry_after,
        other => panic!("{other:?}"),
    }
}
