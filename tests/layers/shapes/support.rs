//! An error with a variant for each way to fail, and a callee that succeeds once.

use std::sync::atomic::{AtomicU32, Ordering};

use resilience::{Classification, Classify, Rejected};

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum ShopError {
    #[error("the shop is busy")]
    Busy,
    #[error("the shop doesn't have it")]
    Absent,
    #[error(transparent)]
    Number(#[from] std::num::ParseIntError),
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

impl Classify for ShopError {
    fn classify(&self) -> Classification {
        match self {
            Self::Busy => Classification::transient("BUSY"),
            Self::Absent => Classification::permanent("ABSENT"),
            Self::Number(_) => Classification::permanent("NUMBER"),
            Self::Rejected(rejected) => rejected.classify(),
        }
    }
}

impl ShopError {
    pub(crate) fn is_timed_out(&self) -> bool {
        matches!(self, Self::Rejected(rejected) if rejected.is_timed_out())
    }

    pub(crate) fn is_circuit_open(&self) -> bool {
        matches!(self, Self::Rejected(rejected) if rejected.is_circuit_open())
    }
}

/// A callee that is busy at all calls but one.
#[derive(Debug, Default)]
pub(crate) struct Callee {
    calls: AtomicU32,
    answers_at: u32,
}

impl Callee {
    /// Answers the call with this number, from 1; 0 for none.
    pub(crate) fn answering_at(call: u32) -> Self {
        Self { calls: AtomicU32::new(0), answers_at: call }
    }

    /// The number of the call, or [`ShopError::Busy`].
    pub(crate) fn call(&self) -> Result<u32, ShopError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if call == self.answers_at { Ok(call) } else { Err(ShopError::Busy) }
    }

    pub(crate) fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }
}

/// Never returns.
pub(crate) async fn hang() {
    std::future::pending::<()>().await;
}

pub(crate) fn is_send<T: Send>(value: T) -> T {
    value
}
