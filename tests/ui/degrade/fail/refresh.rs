#![deny(warnings)]

use resilience::degrade;
use resilience_test_support::CallError;

#[degrade(stale(max_age = "10m", key = sku, fresh = "30s"))]
async fn fresh_alone(sku: &str) -> Result<u32, CallError> {
    Ok(sku.len() as u32)
}

#[degrade(stale(max_age = "10m", key = sku, refresh = "30s"))]
async fn age_as_refresh(sku: &str) -> Result<u32, CallError> {
    Ok(sku.len() as u32)
}

#[degrade(stale(max_age = "1m", key = sku, refresh = background, fresh = "60s"))]
async fn always_fresh(sku: &str) -> Result<u32, CallError> {
    Ok(sku.len() as u32)
}

#[degrade(stale(max_age = "10m", key = sku, refresh = background, coalesce))]
fn not_async(sku: &str) -> Result<u32, CallError> {
    Ok(sku.len() as u32)
}

#[degrade(stale(max_age = "10m", key = names, refresh = background))]
async fn borrows_inside(names: &[&str]) -> Result<u32, CallError> {
    Ok(names.len() as u32)
}

#[degrade(stale(max_age = "10m", key = name, refresh = background))]
async fn borrows_in_an_option(name: Option<&str>) -> Result<u32, CallError> {
    Ok(name.map_or(0, str::len) as u32)
}

#[degrade(stale(max_age = "10m", key = (), shared(answer), refresh = background))]
async fn modifies(answer: &mut String) -> Result<u32, CallError> {
    answer.clear();
    Ok(1)
}

#[degrade(stale(max_age = "10m", key = (a, b), refresh = background))]
async fn pattern(&(a, b): &(u32, u32)) -> Result<u32, CallError> {
    Ok(a + b)
}

struct Inventory(u32);

impl Inventory {
    #[degrade(stale(max_age = "10m", shared(self), refresh = background))]
    async fn modifies_itself(&mut self) -> Result<u32, CallError> {
        self.0 += 1;
        Ok(self.0)
    }
}

#[degrade(stale(soft_ttl = "30s", max_age = "10m", stale_while_revalidate, singleflight))]
async fn other_names() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (fresh_alone(""), age_as_refresh(""), always_fresh(""), not_async(""));
    let _ = (borrows_inside(&[]), borrows_in_an_option(None), modifies(&mut String::new()));
    let _ = (pattern(&(1, 2)), Inventory(1).modifies_itself(), other_names());
}
