#![deny(warnings)]

use resilience::boundary;
use resilience_test_support::CallError;

#[boundary(request_id = "job")]
async fn literal() -> Result<u64, CallError> {
    Ok(1)
}

#[boundary(request_id = "job-{run}")]
async fn not_formatted(run: u64) -> Result<u64, CallError> {
    Ok(run)
}

#[boundary(user = "{user_id}", tenant = "tenant-{tenant}")]
async fn ids(user_id: u64, tenant: &str) -> Result<u64, CallError> {
    Ok(user_id + tenant.len() as u64)
}

#[boundary(operation = "charge {order_id}", service = "payments-{region}")]
async fn labels(order_id: u64, region: &str) -> Result<u64, CallError> {
    Ok(order_id + region.len() as u64)
}

fn main() {
    let _ = (literal(), not_formatted(1), ids(1, ""), labels(1, ""));
}
