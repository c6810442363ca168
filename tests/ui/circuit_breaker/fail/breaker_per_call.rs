#![deny(warnings)]

use resilience::circuit_breaker;
use resilience_test_support::CallError;

#[circuit_breaker("inventory")]
async fn by_name() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(resilience::CircuitBreaker::new("inventory").failure_threshold(3))]
async fn in_place() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(std::sync::Arc::new(resilience::CircuitBreaker::new("inventory")))]
async fn in_an_arc() -> Result<u32, CallError> {
    Ok(1)
}

fn made() -> resilience::CircuitBreaker {
    resilience::CircuitBreaker::new("inventory")
}

struct Client;

impl Client {
    fn breaker(&self) -> resilience::CircuitBreaker {
        made()
    }

    #[circuit_breaker(self.breaker())]
    async fn by_method(&self) -> Result<u32, CallError> {
        Ok(1)
    }

    #[circuit_breaker(&self.breaker())]
    fn by_reference(&mut self) -> Result<u32, CallError> {
        Ok(1)
    }
}

#[circuit_breaker(made())]
async fn by_function() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(Box::new(made()))]
async fn in_a_box() -> Result<u32, CallError> {
    Ok(1)
}

const BREAKER: resilience::CircuitBreaker = resilience::CircuitBreaker::new("inventory");

#[circuit_breaker(BREAKER)]
async fn by_constant() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (Client.by_method(), Client.by_reference(), by_function(), in_a_box(), by_constant());
    let _ = (by_name(), in_place(), in_an_arc());
}
