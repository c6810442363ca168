//! The macros in a crate of edition 2021.

#![deny(warnings)]
#![cfg(test)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use async_trait::async_trait;
use resilience::{
    circuit_breaker, degrade, retry, timeout, CircuitBreaker, Rejected, ServiceError,
};

#[derive(Debug, thiserror::Error, ServiceError)]
enum CallError {
    #[error("it is busy")]
    #[service(transient)]
    Busy,
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] Rejected),
}

struct Client {
    breaker: Arc<CircuitBreaker>,
    calls: AtomicU32,
}

impl Client {
    fn call(&self) -> Result<u32, CallError> {
        if self.calls.fetch_add(1, Ordering::Relaxed) == 0 {
            Err(CallError::Busy)
        } else {
            Ok(7)
        }
    }

    #[degrade(fallback = |error| { let _ = error; 0 })]
    #[timeout("20s")]
    #[retry(idempotent)]
    #[circuit_breaker(self.breaker)]
    #[timeout("5s")]
    async fn by_mutable_reference<'a>(&'a mut self, text: &'a str) -> Result<u32, CallError> {
        assert!(!text.is_empty());
        self.call()
    }
}

#[async_trait]
trait Find {
    async fn find(&self, text: &str) -> Result<u32, CallError>;
}

#[async_trait]
impl Find for Client {
    #[degrade(fallback = 0)]
    #[retry(idempotent)]
    #[circuit_breaker(self.breaker)]
    #[timeout("5s")]
    async fn find(&self, text: &str) -> Result<u32, CallError> {
        assert!(!text.is_empty());
        self.call()
    }
}

#[retry(idempotent)]
#[timeout("5s")]
async fn opaque(client: &Client) -> Result<impl std::fmt::Display, CallError> {
    client.call()
}

#[allow(unsafe_code)]
#[retry(idempotent, base = "0s", jitter = "none", blocking)]
unsafe fn not_async(client: &Client) -> Result<u32, CallError> {
    client.call()
}

fn client() -> Client {
    Client { breaker: Arc::new(CircuitBreaker::new("client")), calls: AtomicU32::new(0) }
}

#[tokio::test(start_paused = true)]
async fn all_attributes_work_in_edition_2021() {
    assert!(matches!(client().by_mutable_reference("x").await, Ok(7)));
    assert!(matches!(client().find("x").await, Ok(7)));
    assert_eq!(opaque(&client()).await.ok().map(|value| value.to_string()).as_deref(), Some("7"));
    #[allow(unsafe_code)]
    // SAFETY: it has no requirements.
    let outcome = unsafe { not_async(&client()) };
    assert!(matches!(outcome, Ok(7)));
}
