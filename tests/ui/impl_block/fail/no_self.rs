#![deny(warnings)]

use resilience::{CircuitBreaker, circuit_breaker, retry, timeout};
use resilience_test_support::CallError;

struct Orders {
    breaker: CircuitBreaker,
}

static CONNECTING: CircuitBreaker = CircuitBreaker::new("connecting");

#[retry(idempotent)]
#[circuit_breaker(self.breaker)]
#[timeout("5s")]
impl Orders {
    async fn connect() -> Result<Self, CallError> {
        Ok(Self { breaker: CircuitBreaker::new("orders") })
    }

    #[circuit_breaker(CONNECTING)]
    async fn reconnect() -> Result<Self, CallError> {
        Self::connect().await
    }

    async fn find(&self) -> Result<u32, CallError> {
        Ok(1)
    }
}

fn main() {
    drop((Orders::connect(), Orders::reconnect(), Orders::find));
}
