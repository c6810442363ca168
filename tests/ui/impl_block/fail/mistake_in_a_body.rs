#![deny(warnings)]

use resilience::{circuit_breaker, retry, timeout};
use resilience_test_support::CallError;

struct Orders;

#[retry(idempotent)]
#[circuit_breaker]
#[timeout("5s")]
impl Orders {
    async fn wrong_type(&self) -> Result<u32, CallError> {
        Ok("text")
    }

    async fn moved(&self, order: String) -> Result<String, CallError> {
        Ok(order)
    }

    async fn not_classified(&self) -> Result<u32, std::fmt::Error> {
        Ok(1)
    }

    fn without_body(&self) -> Result<u32, CallError>;
}

fn main() {
    drop((Orders.wrong_type(), Orders.moved(String::new()), Orders.not_classified()));
}
