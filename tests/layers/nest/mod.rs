//! Several layers on one function: how they affect each other, and what is left when a call is
//! dropped.

mod all_layers;
mod breaker;
mod probes;
mod retry_and_breaker;
mod retry_and_timeout;
mod timeout_and_breaker;

use std::sync::Arc;
use std::time::Duration;

use resilience::{
    CircuitBreaker, Classify as _, circuit_breaker, circuit_breaker::CircuitState, degrade, retry,
    secs, timeout,
};
use resilience_test_support::{Answer, CallError, Script};

/// A client with a breaker of its own, so that no two tests share one.
struct Client {
    breaker: Arc<CircuitBreaker>,
    script: Script,
}

impl Client {
    fn new(breaker: CircuitBreaker, answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { breaker: Arc::new(breaker), script: Script::new(answers) }
    }

    #[degrade(fallback = 0)]
    #[retry(idempotent, attempts = 3, base = "1s", jitter = "none")]
    #[circuit_breaker(self.breaker)]
    #[timeout("5s")]
    async fn full(&self) -> Result<u32, CallError> {
        self.script.call().await
    }

    #[retry(idempotent, attempts = 3, base = "1s", jitter = "none")]
    #[circuit_breaker(self.breaker)]
    #[timeout("5s")]
    async fn breaker_in_retry(&self) -> Result<u32, CallError> {
        self.script.call().await
    }

    #[circuit_breaker(self.breaker)]
    #[retry(idempotent, attempts = 3, base = "1s", jitter = "none")]
    #[timeout("5s")]
    async fn retry_in_breaker(&self) -> Result<u32, CallError> {
        self.script.call().await
    }

    #[timeout("5s")]
    #[circuit_breaker(self.breaker)]
    async fn breaker_in_timeout(&self) -> Result<u32, CallError> {
        self.script.call().await
    }

    #[circuit_breaker(self.breaker)]
    #[timeout("5s")]
    async fn timeout_in_breaker(&self) -> Result<u32, CallError> {
        self.script.call().await
    }

    #[circuit_breaker(self.breaker)]
    async fn alone(&self) -> Result<u32, CallError> {
        self.script.call().await
    }

    #[timeout("90s")]
    #[circuit_breaker(self.breaker)]
    async fn limited_above(&self) -> Result<u32, CallError> {
        self.script.call().await
    }

    #[circuit_breaker(self.breaker)]
    #[retry(idempotent, attempts = 4, base = "5s", jitter = "none")]
    #[timeout("25s")]
    async fn limited_per_attempt(&self) -> Result<u32, CallError> {
        self.script.call().await
    }

    #[timeout("90s")]
    #[circuit_breaker(self.breaker)]
    #[retry(idempotent, attempts = 4, base = "5s", jitter = "none")]
    #[timeout("25s")]
    async fn limited_twice(&self) -> Result<u32, CallError> {
        self.script.call().await
    }

    #[circuit_breaker(self.breaker)]
    #[timeout(Duration::MAX)]
    async fn without_end(&self) -> Result<u32, CallError> {
        self.script.call().await
    }
}

fn busy() -> Answer {
    Answer::Now(Err(CallError::Busy))
}

fn breaker() -> CircuitBreaker {
    CircuitBreaker::new("callee").failure_threshold(3).recovery_timeout(secs(30))
}

/// Opens the breaker of a client, and waits until it admits a probe.
async fn half_open(client: &Client) {
    for _ in 0..3 {
        fail(&client.breaker);
    }
    assert_eq!(client.breaker.state(), CircuitState::Open);
    tokio::time::advance(secs(30)).await;
}

/// A failure on a closed breaker.
fn fail(breaker: &CircuitBreaker) {
    breaker.acquire().expect("closed").failed(&CallError::Busy.classify());
}
