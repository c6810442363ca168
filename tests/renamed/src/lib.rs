//! The crate under another name: every macro takes `crate = …`.

#![deny(warnings)]
#![cfg(test)]

use std::sync::atomic::{AtomicU32, Ordering};

use sturdy::{Rejected, ServiceError, boundary, circuit_breaker, degrade, retry, secs, timeout};

mod reexported {
    pub(crate) use sturdy::*;
}

#[derive(Debug, thiserror::Error, ServiceError)]
#[service(crate = ::sturdy)]
enum CallError {
    #[error("it is busy")]
    #[service(transient)]
    Busy,
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] Rejected),
}

const STANDARD: sturdy::Retry = sturdy::Retry::new().idempotent();

#[boundary(user = calls.load(Ordering::Relaxed), crate = ::sturdy)]
#[degrade(fallback = calls.load(Ordering::Relaxed) + 100)]
#[timeout("20s")]
#[retry(STANDARD, attempts = 3)]
#[circuit_breaker(failure_threshold = 4)]
#[timeout("1s")]
async fn imported(calls: &AtomicU32) -> Result<u32, CallError> {
    if calls.fetch_add(1, Ordering::Relaxed) < 4 { Err(CallError::Busy) } else { Ok(0) }
}

#[sturdy::retry(idempotent, attempts = 2, crate = ::sturdy)]
#[sturdy::timeout("1s")]
async fn by_path(calls: &AtomicU32) -> Result<u32, CallError> {
    calls.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(secs(5)).await;
    Ok(0)
}

#[crate::reexported::retry(attempts = 2, idempotency_key = number, crate = crate::reexported)]
#[crate::reexported::circuit_breaker]
#[crate::reexported::timeout(secs(1))]
async fn by_reexport(calls: &AtomicU32, number: u8) -> Result<String, CallError> {
    if calls.fetch_add(1, Ordering::Relaxed) == 0 { Err(CallError::Busy) } else { Ok(key()) }
}

macro_rules! operation {
    ($name:ident) => {
        #[retry(idempotent, attempts = 2, crate = $crate::reexported)]
        #[timeout("1s")]
        async fn $name(calls: &AtomicU32) -> Result<u32, CallError> {
            if calls.fetch_add(1, Ordering::Relaxed) == 0 { Err(CallError::Busy) } else { Ok(8) }
        }
    };
}

operation!(by_dollar_crate);

fn key() -> String {
    sturdy::context().idempotency_key().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn crate_option_finds_the_renamed_crate() {
    let calls = AtomicU32::new(0);
    assert_eq!(imported(&calls).await.ok(), Some(103));
    assert_eq!(imported(&calls).await.ok(), Some(104), "the fourth failure opened the circuit");
    let calls = AtomicU32::new(0);
    assert!(matches!(by_path(&calls).await, Err(CallError::Rejected(_))));
    assert_eq!(calls.into_inner(), 2);
    assert_eq!(by_dollar_crate(&AtomicU32::new(0)).await.ok(), Some(8));
    assert_eq!(by_reexport(&AtomicU32::new(0), 7).await.ok().as_deref(), Some("7"));
}
