#![deny(deprecated)]

use resilience::{boundary, retry, timeout};
use tracing::instrument;

#[boundary]
#[instrument(skip(id), err, fields(err = "no option"))]
async fn logged_twice(id: u64) -> std::io::Result<u64> {
    Ok(id)
}

#[boundary(operation = "get")]
#[tracing::instrument(level = "debug", err(Debug))]
fn logged_twice_and_not_async(id: u64) -> std::io::Result<u64> {
    Ok(id)
}

#[boundary]
#[instrument(skip(id), fields(err = "no option"), name = "err", ret)]
async fn logged_once(id: u64) -> std::io::Result<u64> {
    Ok(id)
}

#[retry(idempotent)]
#[timeout("5s")]
#[instrument(err)]
async fn without_boundary(id: u64) -> std::io::Result<u64> {
    Ok(id)
}

fn main() {}
