#![deny(warnings)]

use resilience::{boundary, dead_letter, dead_letter::DeadLetters, degrade, retry, timeout};
use resilience_test_support::CallError;

static LETTERS: DeadLetters = DeadLetters::new();

#[dead_letter(queue = "orders", store = LETTERS)]
fn not_async(order: u32) -> Result<(), CallError> {
    Ok(drop(order))
}

struct Orders;

#[dead_letter(queue = "orders", store = LETTERS)]
impl Orders {
    async fn one(&self) -> Result<(), CallError> {
        Ok(())
    }

    async fn two(&self) -> Result<(), CallError> {
        Ok(())
    }
}

#[dead_letter(queue = "orders", store = LETTERS)]
#[degrade(fallback = ())]
async fn degraded_below(order: u32) -> Result<(), CallError> {
    Ok(drop(order))
}

#[degrade(fallback = ())]
#[dead_letter(queue = "orders", store = LETTERS)]
async fn degraded_above(order: u32) -> Result<(), CallError> {
    Ok(drop(order))
}

#[retry(idempotent)]
#[dead_letter(queue = "orders", store = LETTERS)]
#[timeout("5s")]
#[boundary]
async fn order(order: u32) -> Result<(), CallError> {
    Ok(drop(order))
}

fn main() {
    let _ = (Orders.one(), Orders.two());
}
