use resilience::{Rejected, degrade};

#[degrade(fallback = 0, stale(max_age = "10m", key = sku))]
async fn stock(sku: &str) -> Result<usize, Rejected> {
    Ok(sku.len())
}

fn main() {
    let _ = stock("42");
}
