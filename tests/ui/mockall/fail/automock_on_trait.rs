//! A default method with attributes.

use mockall::automock;
use resilience::{Rejected, retry, timeout};

#[automock]
trait Inventory {
    #[retry(idempotent)]
    #[timeout("5s")]
    async fn stock(&self) -> Result<u32, Rejected> {
        Ok(7)
    }
}

fn main() {}
