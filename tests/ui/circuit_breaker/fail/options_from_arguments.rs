#![deny(warnings)]

use resilience::circuit_breaker;
use resilience_test_support::CallError;

struct Client {
    limit: u32,
}

impl Client {
    #[circuit_breaker(failure_threshold = self.limit, recovery_timeout = std::time::Duration::from_secs(pause))]
    async fn find(&self, pause: u64) -> Result<u32, CallError> {
        Ok(1)
    }
}

#[circuit_breaker]
async fn generic<T>(value: T) -> Result<T, CallError> {
    Ok(value)
}

#[circuit_breaker(failure_threshold = 3)]
async fn anonymous(value: impl Copy) -> Result<u32, CallError> {
    let _ = value;
    Ok(1)
}

fn main() {
    let _ = (Client { limit: 3 }.find(1), generic(1), anonymous(1));
}
