use resilience::dead_letter;
use resilience_test_support::CallError;

static LETTERS: Vec<u32> = Vec::new();

#[dead_letter(queue = "orders", store = LETTERS)]
async fn handle(order: u32) -> Result<(), CallError> {
    let _ = order;
    Ok(())
}

fn main() {}
