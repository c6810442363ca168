#![deny(warnings)]

use resilience::{retry, timeout};
use resilience_test_support::CallError;

struct Client {
    rows: Vec<u32>,
}

impl Client {
    #[retry(idempotent)]
    #[timeout("5s")]
    async fn rows(&mut self) -> Result<&mut Vec<u32>, CallError> {
        Ok(&mut self.rows)
    }
}

fn main() {
    let mut client = Client { rows: Vec::new() };
    let _ = client.rows();
}
