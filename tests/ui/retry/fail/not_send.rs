#![deny(warnings)]

use std::cell::Cell;

use resilience::{retry, timeout};
use resilience_test_support::CallError;

#[retry(idempotent)]
#[timeout("5s")]
async fn count(calls: Cell<u32>) -> Result<u32, CallError> {
    tokio::task::yield_now().await;
    calls.set(calls.get() + 1);
    Ok(calls.get())
}

fn spawn<F: Future + Send>(future: F) {
    drop(future);
}

fn main() {
    spawn(count(Cell::new(1)));
}
