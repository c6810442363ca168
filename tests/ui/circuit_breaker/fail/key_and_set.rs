#![deny(warnings)]

use resilience::{CircuitBreaker, CircuitBreakers, circuit_breaker};
use resilience_test_support::CallError;

static PARTNERS: CircuitBreakers<str> = CircuitBreakers::new("partners");
static NUMBERS: CircuitBreakers<u64> = CircuitBreakers::new("numbers");
static ONE: CircuitBreaker = CircuitBreaker::new("one");

struct Unhashed;

static UNHASHED: CircuitBreakers<Unhashed> = CircuitBreakers::new("unhashed");

#[circuit_breaker(PARTNERS)]
async fn set_without_key() -> Result<u32, CallError> {
    Ok(1)
}

#[circuit_breaker(ONE, key = partner)]
async fn key_of_one_breaker(partner: &str) -> Result<usize, CallError> {
    Ok(partner.len())
}

#[circuit_breaker(NUMBERS, key = partner)]
async fn key_of_another_type(partner: u32) -> Result<u32, CallError> {
    Ok(partner)
}

#[circuit_breaker(UNHASHED, key = partner)]
async fn key_without_hash(partner: Unhashed) -> Result<u32, CallError> {
    let _ = partner;
    Ok(1)
}

fn main() {}
