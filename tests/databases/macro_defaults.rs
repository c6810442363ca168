//! `#[transaction]` checks its options against copies of the runtime's values; here the two are
//! compared.

use resilience::sql::TransactionAttempts;

#[path = "../../resilience-macros/src/layer/defaults.rs"]
#[allow(dead_code, reason = "the other values are compared in `tests/layers/macro_defaults.rs`")]
mod macros;

#[test]
fn transaction_delays() {
    let delays = macros::TRANSACTION;
    let with_delays = TransactionAttempts::POLICY.base(delays.base).max_delay(delays.max_delay);
    assert_eq!(with_delays, TransactionAttempts::POLICY);
}
