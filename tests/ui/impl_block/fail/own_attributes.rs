#![deny(warnings)]

use resilience::{degrade, retry, timeout};
use resilience_test_support::CallError;

struct Orders;

#[timeout("9s")]
#[retry(idempotent)]
#[timeout("2s")]
impl Orders {
    #[timeout("5s")]
    async fn one_of_two(&self) -> Result<u32, CallError> {
        Ok(1)
    }

    #[retry(idempotent)]
    #[degrade(fallback = 0)]
    async fn wrong_order(&self) -> Result<u32, CallError> {
        Ok(1)
    }

    #[retry(idempotent, pub_only)]
    async fn of_the_block(&self) -> Result<u32, CallError> {
        Ok(1)
    }

    async fn right(&self) -> Result<u32, CallError> {
        Ok(1)
    }
}

fn main() {
    drop((Orders.one_of_two(), Orders.wrong_order(), Orders.of_the_block(), Orders.right()));
}
