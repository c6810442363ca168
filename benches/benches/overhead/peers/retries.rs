//! Libraries that do one thing: retry; and tokio's timeout.

use backon::{ExponentialBuilder, Retryable};
use backon_macros::backon;
use resilience::Rejected;
use tokio_retry2::strategy::ExponentialFactorBackoff;
use tokio_retry2::{RetryError, RetryIf};

use super::{BASE, LIMIT, LONGEST};
use crate::body::{CallError, answer, small};
use crate::harness::{Case, Contender};

const fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::new().with_min_delay(BASE).with_max_delay(LONGEST).with_max_times(2)
}

#[backon(backoff = backoff, when = CallError::is_transient)]
async fn attribute(input: u64) -> Result<u64, CallError> {
    answer(input)
}

async fn tokio_retry2(input: u64) -> Result<u64, CallError> {
    let strategy = ExponentialFactorBackoff::from_millis(500, 2.0).max_delay(LONGEST).take(2);
    let action = || async move { small(input).await.map_err(RetryError::transient) };
    RetryIf::spawn(strategy, action, CallError::is_transient, |_: &CallError, _| {}).await
}

async fn tokio_timeout(input: u64) -> Result<u64, CallError> {
    tokio::time::timeout(LIMIT, small(input))
        .await
        .unwrap_or_else(|_| Err(Rejected::timed_out("service", LIMIT).into()))
}

pub(super) fn contenders() -> Vec<Contender> {
    vec![
        Contender::new(Case::Timeout, "tokio", tokio_timeout),
        Contender::new(Case::Retry, "backon", |input| {
            (move || small(input)).retry(backoff()).when(CallError::is_transient)
        }),
        Contender::new(Case::Retry, "backon-macros", attribute),
        Contender::new(Case::Retry, "tokio-retry2", tokio_retry2),
    ]
}
