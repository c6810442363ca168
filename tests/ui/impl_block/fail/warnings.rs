//! Each warning is given once, and not for each method.

#![deny(warnings)]

use resilience::{Retry, retry, timeout};
use resilience_test_support::CallError;

struct Orders;

#[retry]
impl Orders {
    async fn find(&self) -> Result<u32, CallError> {
        Ok(1)
    }

    async fn list(&self) -> Result<u32, CallError> {
        Ok(1)
    }

    #[retry(attempts = 2)]
    #[timeout("5s")]
    async fn with_its_own(&self) -> Result<u32, CallError> {
        Ok(1)
    }
}

const SILENT: Retry = Retry::new();

#[retry(SILENT)]
#[timeout("5s")]
impl Orders {
    async fn place(&self) -> Result<u32, CallError> {
        Ok(1)
    }

    async fn cancel(&self) -> Result<u32, CallError> {
        Ok(1)
    }
}

fn main() {
    drop((Orders.find(), Orders.list(), Orders.with_its_own(), Orders.place(), Orders.cancel()));
}
