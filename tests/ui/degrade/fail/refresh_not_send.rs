#![deny(warnings)]

use std::rc::Rc;

use resilience::degrade;
use resilience_test_support::CallError;

#[degrade(stale(max_age = "10m", shared(count), refresh = background, key = ()))]
async fn stock(count: Rc<u32>) -> Result<u32, CallError> {
    Ok(*count)
}

fn main() {
    let _ = stock(Rc::new(1));
}
