#![deny(warnings)]

use resilience::degrade;
use resilience_test_support::CallError;

struct Inventory;

impl Inventory {
    #[degrade(stale(max_age = "10m", key = sku))]
    async fn of_one_instance(&self, sku: &str) -> Result<u32, CallError> {
        Ok(sku.len() as u32)
    }

    #[degrade(stale(max_age = "10m"))]
    async fn without_arguments(&self) -> Result<u32, CallError> {
        Ok(1)
    }
}

#[degrade(stale(max_age = "10m", key = (sku, day)))]
async fn of_one_tenant(tenant: &str, sku: &str, day: u8) -> Result<u32, CallError> {
    Ok((tenant.len() + sku.len()) as u32 + u32::from(day))
}

#[degrade(stale(max_age = "10m", key = format!("{sku}"), shared(client)))]
async fn complete(client: &str, sku: &str) -> Result<u32, CallError> {
    Ok((client.len() + sku.len()) as u32)
}

fn main() {
    let _ = (Inventory.of_one_instance(""), Inventory.without_arguments());
    let _ = (of_one_tenant("", "", 1), complete("", ""));
}
