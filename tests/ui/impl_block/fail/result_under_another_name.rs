#![deny(warnings)]

use resilience::timeout;
use resilience_test_support::CallError;

struct Orders;
type Answer<T> = Result<T, CallError>;

#[timeout("5s")]
impl Orders {
    async fn find(&self) -> Result<u32, CallError> {
        Ok(1)
    }

    async fn by_alias(&self) -> Answer<u32> {
        Ok(1)
    }

    async fn generic<T: Default>(&self) -> Answer<T> {
        Ok(T::default())
    }
}

fn main() {
    drop((Orders.find(), Orders.by_alias(), Orders.generic::<u32>()));
}
