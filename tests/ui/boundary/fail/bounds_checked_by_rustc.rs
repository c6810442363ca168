// Missing traits are reported once, at the user's code.

use resilience::{boundary, retry};

#[derive(Debug)]
struct Opaque;

impl std::fmt::Display for Opaque {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("opaque")
    }
}

struct UserId(u64);

#[boundary]
async fn unclassified() -> Result<(), Opaque> {
    Ok(())
}

#[boundary]
#[retry(idempotent, external_timeout)]
async fn unclassified_and_retried() -> Result<(), Opaque> {
    Ok(())
}

#[boundary(user = id)]
async fn unnamed(id: UserId) -> Result<(), resilience::Rejected> {
    let _ = id.0;
    Ok(())
}

fn main() {}
