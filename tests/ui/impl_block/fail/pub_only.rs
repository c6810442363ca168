#![deny(warnings)]

use resilience::timeout;
use resilience_test_support::CallError;

trait Catalogue {
    async fn find(&self) -> Result<u32, CallError>;
}

struct Orders;

#[timeout("5s", pub_only)]
impl Catalogue for Orders {
    async fn find(&self) -> Result<u32, CallError> {
        Ok(1)
    }
}

#[timeout("5s", pub_only)]
async fn function() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    drop((Orders.find(), function()));
}
