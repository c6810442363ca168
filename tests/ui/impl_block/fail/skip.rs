#![deny(warnings)]

use resilience::timeout;
use resilience_test_support::CallError;

struct Orders;

#[timeout("5s")]
impl Orders {
    async fn find(&self) -> Result<u32, CallError> {
        Ok(1)
    }

    #[resilience(ignore)]
    async fn list(&self) -> Result<u32, CallError> {
        Ok(1)
    }

    #[resilience]
    async fn count(&self) -> Result<u32, CallError> {
        Ok(1)
    }
}

impl Orders {
    #[resilience(skip)]
    async fn not_annotated(&self) -> Result<u32, CallError> {
        Ok(1)
    }
}

fn main() {
    drop((Orders.find(), Orders.list(), Orders.count(), Orders.not_annotated()));
}
