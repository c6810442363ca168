//! `#[automock]` copies the attributes of the methods to all parts of the mock.

use mockall::automock;
use resilience::{Rejected, retry, timeout};

struct Client;

#[automock]
impl Client {
    #[retry(idempotent)]
    #[timeout("5s")]
    async fn fetch(&self) -> Result<u32, Rejected> {
        Ok(7)
    }
}

fn main() {}
