#![deny(warnings)]

use resilience::degrade;
use resilience_test_support::CallError;

#[degrade(stale(max_age = "10m"))]
async fn no_key(sku: &str) -> Result<u32, CallError> {
    Ok(sku.len() as u32)
}

#[degrade(stale(max_age = "10m"))]
async fn no_key_of_several(tenant: &str, sku: &str) -> Result<u32, CallError> {
    Ok((tenant.len() + sku.len()) as u32)
}

#[degrade(stale(key = sku))]
async fn no_age(sku: &str) -> Result<u32, CallError> {
    Ok(sku.len() as u32)
}

#[degrade(stale)]
async fn no_list(sku: &str) -> Result<u32, CallError> {
    Ok(sku.len() as u32)
}

#[degrade(stale(max_age = "0s", key = "sku", max_entries = 0))]
async fn makes_no_sense(sku: &str) -> Result<u32, CallError> {
    Ok(sku.len() as u32)
}

#[degrade(stale(ttl = "10m", key = sku, service = "inventory"))]
async fn other_names(sku: &str) -> Result<u32, CallError> {
    Ok(sku.len() as u32)
}

#[degrade(stale(max_age = "10m", key = sku, store = resilience::degrade::StaleValues::new()))]
async fn new_store(sku: &str) -> Result<u32, CallError> {
    Ok(sku.len() as u32)
}

#[degrade(stale(max_age = "10m", key = sku, max_entries = 10, max_weight = 10, weight = |_| 1))]
async fn two_limits(sku: &str) -> Result<u32, CallError> {
    Ok(sku.len() as u32)
}

#[degrade(stale(max_age = "10m", key = sku, weight = |_| 1))]
async fn weight_without_limit(sku: &str) -> Result<u32, CallError> {
    Ok(sku.len() as u32)
}

#[degrade(stale(max_age = "10m", key = sku, shared(sku, self)))]
async fn shared_without_self(sku: &str) -> Result<u32, CallError> {
    Ok(sku.len() as u32)
}

#[degrade(stale(max_age = "10m", key = sku))]
async fn borrowed(sku: &str) -> Result<&str, CallError> {
    Ok(sku)
}

#[degrade(stale(max_age = "10m", key = sku))]
async fn hidden(sku: &str) -> Result<impl Clone, CallError> {
    Ok(sku.len())
}

#[degrade(fallback = 0, max_age = "10m")]
async fn outside(sku: &str) -> Result<u32, CallError> {
    Ok(sku.len() as u32)
}

fn main() {
    let _ = (no_key(""), no_key_of_several("", ""), no_age(""), no_list(""), makes_no_sense(""));
    let _ = (other_names(""), new_store(""), two_limits(""), weight_without_limit(""));
    let _ = (shared_without_self(""), borrowed(""), hidden(""), outside(""));
}
