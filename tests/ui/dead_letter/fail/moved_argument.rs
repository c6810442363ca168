use resilience::{dead_letter, dead_letter::DeadLetters};
use resilience_test_support::CallError;

static LETTERS: DeadLetters = DeadLetters::new();

async fn send(order: String) -> Result<(), CallError> {
    Ok(drop(order))
}

#[dead_letter(queue = "orders", store = LETTERS)]
async fn handle(order: String) -> Result<(), CallError> {
    send(order).await
}

#[dead_letter(queue = "orders", store = LETTERS, clone(order))]
async fn cloned(order: String) -> Result<(), CallError> {
    send(order).await
}

fn main() {}
