#![deny(warnings)]

use resilience::{dead_letter, dead_letter::DeadLetters};
use resilience_test_support::CallError;

static LETTERS: DeadLetters = DeadLetters::new();

#[dead_letter(queue = "orders", store = LETTERS)]
async fn pattern((order, line): (u32, u32)) -> Result<(), CallError> {
    Ok(drop((order, line)))
}

#[dead_letter(queue = "orders", store = LETTERS)]
async fn mutable(mut order: Vec<u32>) -> Result<(), CallError> {
    order.clear();
    Ok(())
}

#[dead_letter(queue = "orders", store = LETTERS)]
async fn exclusive(order: &mut Vec<u32>) -> Result<(), CallError> {
    order.clear();
    Ok(())
}

#[dead_letter(queue = "orders", store = LETTERS)]
async fn anonymous(order: impl std::fmt::Debug + Sync) -> Result<(), CallError> {
    let _ = order;
    Ok(())
}

#[dead_letter(queue = "orders", store = LETTERS)]
async fn object(order: &(dyn std::fmt::Debug + Sync)) -> Result<(), CallError> {
    let _ = order;
    Ok(())
}

#[dead_letter(queue = "orders", store = LETTERS)]
async fn two_marks(#[skip] #[redact] order: u32, #[skip = "x"] line: u32) -> Result<(), CallError> {
    Ok(drop((order, line)))
}

#[dead_letter(queue = "orders", store = LETTERS)]
async fn two_payloads(#[payload] one: &[u8], #[payload] two: &[u8]) -> Result<(), CallError> {
    let _ = (one, two);
    Ok(())
}

fn main() {}
