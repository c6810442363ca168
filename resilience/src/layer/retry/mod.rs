//! Retry with backoff and jitter.

mod attempts;
mod backoff;
mod conditional;
mod pause;
mod policy;
mod run;

pub use attempts::{Attempts, RetryRules};
pub use backoff::Delays;
pub use conditional::{Condition, ConditionalRetry};
pub use pause::{Pause, Wait};
pub use policy::{Jitter, Retry};

pub use super::retry_budget::{BudgetCharge, FailureKind, RetryBudget, RetryBudgetRef};
pub use crate::support::random::seed_jitter;
