#![deny(warnings)]

use resilience::degrade;
use resilience_test_support::CallError;

struct Inventory(u32);

impl Inventory {
    #[degrade(stale(max_age = "10m", key = sku, shared(self), refresh = background))]
    async fn stock(&self, sku: &str) -> Result<u32, CallError> {
        Ok(self.0 + sku.len() as u32)
    }
}

fn main() {
    let _ = Inventory(1).stock("");
}
