#![deny(warnings)]

use resilience::timeout;

type Answer = Option<u32>;

#[timeout("5s")]
async fn alias() -> Answer {
    Some(1)
}

fn main() {
    let _ = alias();
}
