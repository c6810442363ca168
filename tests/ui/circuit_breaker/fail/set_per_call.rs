//! A set of breakers, and a store of stale values, that are new ones for every call.

#![deny(warnings)]

use resilience::degrade::StaleValues;
use resilience::{CircuitBreaker, CircuitBreakers, circuit_breaker, degrade};
use resilience_test_support::CallError;

struct Client;

impl Client {
    fn partners(&self) -> CircuitBreakers<str> {
        CircuitBreakers::new("partners")
    }

    fn values(&self) -> StaleValues {
        StaleValues::new()
    }

    fn parts(&self) -> (CircuitBreaker, u32) {
        (CircuitBreaker::new("part"), 7)
    }

    #[circuit_breaker(self.partners(), key = partner)]
    async fn by_key(&self, partner: &str) -> Result<usize, CallError> {
        Ok(partner.len())
    }

    #[degrade(stale(max_age = "10m", key = (), store = self.values(), shared(self)))]
    async fn stale(&self) -> Result<u32, CallError> {
        Ok(1)
    }

    #[circuit_breaker(self.parts().0)]
    async fn field_of_a_new_value(&self) -> Result<u32, CallError> {
        Ok(1)
    }
}

fn main() {}
