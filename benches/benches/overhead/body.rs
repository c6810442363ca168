//! The call that everybody makes, and the error that it can end with.

use resilience::{Classification, Classify, Rejected};

use crate::harness::{Case, Contender};

/// The input that makes the call fail, so that no compiler can take success for granted.
pub(crate) const FAIL: u64 = u64::MAX;

pub(crate) type Large = [u8; 1024];

#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum CallError {
    /// Owns something, as errors do: one without a destructor is easier on the compiler than what
    /// it gets to see.
    #[error("{0} is busy")]
    Busy(String),
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

impl CallError {
    pub(crate) const fn is_transient(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::Rejected(_))
    }
}

impl Classify for CallError {
    fn classify(&self) -> Classification {
        match self {
            Self::Busy(_) => Classification::transient("BUSY"),
            Self::Rejected(rejected) => rejected.classify(),
        }
    }
}

pub(crate) fn answer(input: u64) -> Result<u64, CallError> {
    if input == FAIL { Err(CallError::Busy("inventory".to_owned())) } else { Ok(input) }
}

pub(crate) fn large_answer(input: u64) -> Result<Large, CallError> {
    answer(input).map(|answer| [answer.to_le_bytes()[0]; 1024])
}

pub(crate) async fn small(input: u64) -> Result<u64, CallError> {
    answer(input)
}

pub(crate) async fn large(input: u64) -> Result<Large, CallError> {
    large_answer(input)
}

pub(crate) fn contenders() -> Vec<Contender> {
    Case::ALL
        .into_iter()
        .map(|case| match case {
            Case::FullNestLarge => Contender::new(case, "bare", large),
            _ => Contender::new(case, "bare", small),
        })
        .collect()
}
