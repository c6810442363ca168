#![deny(warnings)]

use resilience::{Classification, Classify, Flag, degrade};
use resilience_test_support::CallError;

static FLAG: Flag = Flag::new("recommendations");
const CONSTANT: Flag = Flag::new("recommendations");
static NO_FLAG: u32 = 0;

#[degrade(fallback = 0, flag = "recommendations")]
async fn name() -> Result<u32, CallError> {
    Ok(1)
}

#[degrade(fallback = 0, flag = CONSTANT)]
async fn constant() -> Result<u32, CallError> {
    Ok(1)
}

#[degrade(fallback = 0, flag = NO_FLAG)]
async fn another_type() -> Result<u32, CallError> {
    Ok(1)
}

#[derive(Debug)]
struct Down;

impl std::fmt::Display for Down {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("down")
    }
}

impl Classify for Down {
    fn classify(&self) -> Classification {
        Classification::transient("DOWN")
    }
}

#[degrade(fallback = 0, flag = FLAG)]
async fn without_rejected() -> Result<u32, Down> {
    Ok(1)
}

#[degrade(flag = FLAG, non_critical, alert_above = "5/1m")]
async fn without_replacement() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = without_replacement();
    let _ = (name(), constant(), another_type(), without_rejected());
}
