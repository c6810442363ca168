//! One function with four attributes, and the events they log: `cargo run --example quickstart`.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use resilience::{
    CircuitBreaker, Rejected, ServiceError, circuit_breaker, degrade, retry, timeout,
};

#[derive(Debug, thiserror::Error, ServiceError)]
enum QuoteError {
    #[error("the exchange is closed")]
    #[service(unavailable)]
    Closed,
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] Rejected),
}

static EXCHANGE: CircuitBreaker = CircuitBreaker::new("exchange").failure_threshold(5);
static CALLS: AtomicU32 = AtomicU32::new(0);

#[degrade(fallback = "yesterday's 10.30", service = "exchange")]
#[retry(idempotent, attempts = 3, base = "100ms", max_delay = "1s")]
#[circuit_breaker(EXCHANGE)]
#[timeout("200ms")]
async fn quote() -> Result<&'static str, QuoteError> {
    match CALLS.fetch_add(1, Relaxed) {
        1 => std::future::pending().await,
        2 => Ok("10.42"),
        _ => Err(QuoteError::Closed),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), QuoteError> {
    tracing_subscriber::fmt().compact().without_time().with_target(false).init();
    for _ in 0..4 {
        println!("=> {}\n", quote().await?);
    }
    println!(
        "{} calls reached the exchange; its circuit is {}.",
        CALLS.load(Relaxed),
        EXCHANGE.state()
    );
    Ok(())
}
