use resilience::{dead_letter, dead_letter::DeadLetters};
use resilience_test_support::CallError;

static LETTERS: DeadLetters = DeadLetters::new();

struct Order;

#[dead_letter(queue = "orders", store = LETTERS)]
async fn handle(order: &Order) -> Result<(), CallError> {
    let _ = order;
    Ok(())
}

fn main() {}
