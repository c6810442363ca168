// A boundary is the outermost layer.

use resilience::{Rejected, boundary, circuit_breaker, degrade, retry, timeout};

#[retry(idempotent, external_timeout)]
#[boundary]
async fn below_retry() -> Result<(), Rejected> {
    Ok(())
}

#[degrade(fallback = ())]
#[boundary(operation = "second")]
async fn below_degrade() -> Result<(), Rejected> {
    Ok(())
}

#[timeout("5s")]
#[boundary]
async fn below_timeout() -> Result<(), Rejected> {
    Ok(())
}

#[circuit_breaker]
#[boundary]
fn below_circuit_breaker() -> Result<(), Rejected> {
    Ok(())
}

#[boundary]
#[timeout("5s")]
#[boundary]
async fn twice() -> Result<(), Rejected> {
    Ok(())
}

fn main() {}
