#![deny(warnings)]

use resilience::{retry as again, timeout};
use resilience_test_support::CallError;

struct Orders;

#[timeout("5s")]
#[again(idempotent)]
impl Orders {
    async fn find(&self) -> Result<u32, CallError> {
        Ok(1)
    }

    async fn list(&self) -> Result<u32, CallError> {
        Ok(1)
    }
}

fn main() {
    drop((Orders.find(), Orders.list()));
}
