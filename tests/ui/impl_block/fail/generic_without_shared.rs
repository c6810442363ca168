#![deny(warnings)]

use std::marker::PhantomData;

use resilience::{circuit_breaker, timeout};
use resilience_test_support::CallError;

struct Orders<T>(PhantomData<T>);

#[circuit_breaker]
#[timeout("5s")]
impl<T> Orders<T> {
    async fn find(&self) -> Result<u32, CallError> {
        Ok(1)
    }

    async fn list(&self) -> Result<u32, CallError> {
        Ok(1)
    }
}

fn main() {
    let orders = Orders(PhantomData::<u32>);
    drop((orders.find(), orders.list()));
}
