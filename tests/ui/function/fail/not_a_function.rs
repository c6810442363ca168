#![deny(warnings)]

use resilience::{degrade, retry, timeout};
use resilience_test_support::CallError;

#[retry(idempotent)]
#[timeout("5s")]
struct Client;

impl Client {
    #[timeout("5s")]
    async fn find(&self) -> Result<u32, CallError> {
        Ok(1)
    }
}

#[retry(idempotent)]
trait Store {
    async fn read(&self) -> Result<u32, CallError>;
}

#[degrade(fallback = 0)]
trait Cache {
    async fn get(&self) -> Result<u32, CallError>;
}

#[timeout("5s")]
enum Never {}

#[degrade(fallback = 0)]
mod inside {
    pub(crate) fn function() {}
}

#[retry]
const LIMIT: u32 = 3;

#[retry(idempotent)]
use std::time::Duration;

#[retry(idempotent)]
thread_local! {
    static COUNT: u32 = 3;
}

#[timeout("5s")]
trait Catalogue {
    #[timeout("5s")]
    fn find(&self) -> Result<u32, CallError>;
}

fn main() {
    let _ = (Client.find(), Duration::from_secs(u64::from(LIMIT)), None::<Never>);
    inside::function();
    COUNT.with(|_| ());
    let _ = <dyn Catalogue>::find;
}
