#![deny(warnings)]

use resilience::{retry, timeout};
use resilience_test_support::CallError;

struct Orders;

#[retry(idempotent)]
#[timeout("5s")]
impl Orders {
    #[cfg_attr(all(), retry(idempotent, attempts = 5))]
    async fn find(&self) -> Result<u32, CallError> {
        Ok(1)
    }

    #[cfg_attr(all(), resilience(skip))]
    async fn list(&self) -> Result<u32, CallError> {
        Ok(1)
    }

    #[cfg_attr(all(), inline)]
    async fn count(&self) -> Result<u32, CallError> {
        Ok(1)
    }
}

fn main() {
    drop((Orders.find(), Orders.list(), Orders.count()));
}
