use resilience::{dead_letter, dead_letter::DeadLetters};
use resilience_test_support::CallError;

static LETTERS: DeadLetters = DeadLetters::new();

#[dead_letter(queue = "orders", store = LETTERS)]
async fn handle(order: u32) -> Result<u32, CallError> {
    Ok(order)
}

fn main() {}
