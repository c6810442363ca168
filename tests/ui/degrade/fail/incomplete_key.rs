#![deny(warnings)]

use resilience::degrade;
use resilience_test_support::CallError;

struct Inventory {
    warehouse: u32,
}

impl Inventory {
    #[degrade(stale(max_age = "10m", key = sku))]
    async fn of_one_instance(&self, sku: &str) -> Result<u32, CallError> {
        Ok(self.warehouse + sku.len() as u32)
    }

    #[degrade(stale(max_age = "10m"))]
    async fn without_arguments(&self) -> Result<u32, CallError> {
        Ok(self.warehouse)
    }

    #[degrade(stale(max_age = "10m", key = ()))]
    async fn of_one_instance_and_tenant(&self, tenant: &str) -> Result<u32, CallError> {
        Ok(self.warehouse + tenant.len() as u32)
    }

    #[degrade(stale(max_age = "10m", key = sku))]
    async fn of_every_instance(&self, sku: &str) -> Result<u32, CallError> {
        Ok(sku.len() as u32)
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
    let inventory = Inventory { warehouse: 1 };
    let _ = (inventory.of_one_instance(""), inventory.without_arguments());
    let _ = (inventory.of_one_instance_and_tenant(""), inventory.of_every_instance(""));
    let _ = (of_one_tenant("", "", 1), complete("", ""));
}
