#![deny(warnings)]

use resilience::{boundary, retry, timeout};
use resilience_test_support::CallError;

struct Orders;

#[boundary(operation = "orders")]
#[retry(idempotency_key = order, clone(order))]
#[timeout("5s")]
impl Orders {
    async fn place(&self, order: String) -> Result<String, CallError> {
        Ok(order)
    }

    async fn cancel(&self, order: String) -> Result<String, CallError> {
        Ok(order)
    }
}

fn main() {
    drop((Orders.place(String::new()), Orders.cancel(String::new())));
}
