//! The attribute on the whole block, above and below `#[automock]`.

use mockall::automock;
use resilience::{Rejected, retry, timeout};

struct Client;

#[retry(idempotent)]
#[timeout("5s")]
#[automock]
impl Client {
    async fn fetch(&self) -> Result<u32, Rejected> {
        Ok(7)
    }
}

struct Other;

#[automock]
#[retry(idempotent, external_timeout)]
impl Other {
    async fn fetch(&self) -> Result<u32, Rejected> {
        Ok(7)
    }
}

fn main() {
    let _ = MockClient::new();
}
