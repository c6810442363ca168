#![deny(warnings)]

use std::future::Future;

use resilience::retry;
use resilience_test_support::CallError;

// What `#[trait_variant::make(Stock: Send)]` makes of `async fn stock(&self) -> … { Ok(1) }`.
trait Stock {
    #[retry(idempotent, external_timeout)]
    fn stock(&self) -> impl Future<Output = Result<u32, CallError>> + Send {
        async move { Ok(1) }
    }
}

fn main() {}
