#![deny(warnings)]

use resilience::{CircuitBreakers, circuit_breaker};
use resilience_test_support::CallError;

static PARTNERS: CircuitBreakers<str> = CircuitBreakers::new("partners");

#[circuit_breaker(key = partner)]
async fn key_without_set(partner: &str) -> Result<usize, CallError> {
    Ok(partner.len())
}

#[circuit_breaker(PARTNERS, key = "partner")]
async fn constant_key(partner: &str) -> Result<usize, CallError> {
    Ok(partner.len())
}

#[circuit_breaker(PARTNERS, key = partner, probes = 2)]
async fn setting_of_the_set(partner: &str) -> Result<usize, CallError> {
    Ok(partner.len())
}

#[circuit_breaker(PARTNERS, key_text = partner.to_owned())]
async fn text_without_key(partner: &str) -> Result<usize, CallError> {
    Ok(partner.len())
}

fn main() {}
