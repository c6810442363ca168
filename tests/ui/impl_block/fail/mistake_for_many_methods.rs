//! Each mistake is reported once, and not for each method.

#![deny(warnings)]

use resilience::{circuit_breaker, retry, timeout};
use resilience_test_support::CallError;

struct Orders;

#[retry(idempotent, atempts = 3)]
#[circuit_breaker(failure_threshold = 0)]
#[timeout(5)]
impl Orders {
    async fn find(&self) -> Result<u32, CallError> {
        Ok(1)
    }

    async fn list(&self) -> Result<u32, CallError> {
        Ok(1)
    }

    #[retry(idempotent, attempts = 0)]
    async fn with_its_own(&self) -> Result<u32, CallError> {
        Ok(1)
    }
}

static LIMIT: u32 = 3;

/// The types are wrong.
#[retry(idempotent, attempts = "3".len())]
#[circuit_breaker(LIMIT)]
#[timeout("5s")]
impl Orders {
    async fn place(&self) -> Result<u32, CallError> {
        Ok(1)
    }

    async fn cancel(&self) -> Result<u32, CallError> {
        Ok(1)
    }
}

fn main() {
    drop((Orders.find(), Orders.list(), Orders.with_its_own(), Orders.place(), Orders.cancel()));
}
