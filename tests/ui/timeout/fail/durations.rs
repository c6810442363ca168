#![deny(warnings)]

use resilience::timeout;
use resilience_test_support::CallError;

macro_rules! functions {
    ($(#[$attribute:meta] $name:ident),* $(,)?) => {$(
        #[$attribute]
        async fn $name() -> Result<u32, CallError> {
            Ok(1)
        }
    )*};
}

functions! {
    #[timeout(5)] no_unit,
    #[timeout(5_u64)] type_of_a_number,
    #[timeout(5s)] unit_without_quotes,
    #[timeout("5")] no_unit_in_text,
    #[timeout("5 parsecs")] unknown_unit,
    #[timeout("s")] no_number,
    #[timeout("1.2.3s")] no_such_number,
    #[timeout("")] empty,
    #[timeout("0s")] zero,
    #[timeout(1.5)] fraction,
    #[timeout("999999999999999d")] too_long,
    #[timeout("5s", "20s")] two,
}

#[timeout]
async fn missing() -> Result<u32, CallError> {
    Ok(1)
}

#[timeout()]
async fn empty_parentheses() -> Result<u32, CallError> {
    Ok(1)
}

fn main() {
    let _ = (no_unit(), type_of_a_number(), unit_without_quotes(), no_unit_in_text(), unknown_unit(), no_number(), no_such_number());
    let _ = (empty(), zero(), fraction(), too_long(), two(), missing(), empty_parentheses());
}
