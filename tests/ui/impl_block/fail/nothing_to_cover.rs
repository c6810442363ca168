#![deny(warnings)]

use resilience::{circuit_breaker, retry, timeout};
use resilience_test_support::CallError;

struct Orders;
type Answer = Result<u32, CallError>;

#[retry(idempotent)]
#[timeout("5s")]
impl Orders {
    fn find(&self) -> Result<u32, CallError> {
        Ok(1)
    }

    async fn count(&self) -> u32 {
        1
    }
}

#[timeout("5s")]
impl Orders {}

#[circuit_breaker(pub_only)]
#[timeout("5s")]
impl Orders {
    async fn helper(&self) -> Result<u32, CallError> {
        Ok(1)
    }
}

#[timeout("5s")]
impl Orders {
    #[resilience(skip)]
    async fn skipped(&self) -> Result<u32, CallError> {
        Ok(1)
    }
}

#[timeout("5s")]
impl Orders {
    async fn by_alias(&self) -> Answer {
        Ok(1)
    }
}

fn main() {
    let orders = Orders;
    let _ = orders.find();
    drop((orders.count(), orders.helper(), orders.skipped(), orders.by_alias()));
}
