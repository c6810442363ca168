#![deny(warnings)]

use resilience::{CircuitBreaker, circuit_breaker};
use resilience_test_support::CallError;

static NUMBER: u32 = 1;
static LATER: std::sync::OnceLock<CircuitBreaker> = std::sync::OnceLock::new();

struct Client {
    breaker: CircuitBreaker,
}

impl Client {
    #[circuit_breaker(self.breaker)]
    async fn behind_mut(&mut self) -> Result<u32, CallError> {
        Ok(1)
    }

    #[circuit_breaker(self.breaker)]
    async fn shared(&self) -> Result<u32, CallError> {
        Ok(1)
    }
}

#[circuit_breaker(NUMBER)]
async fn of_another_type() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(LATER)]
async fn of_a_cell() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(MISSING)]
async fn of_nothing() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let mut client = Client { breaker: CircuitBreaker::new("inventory") };
    let _ = client.shared();
    let _ = client.behind_mut();
    let _ = (of_another_type(), of_nothing(), of_a_cell());
}
