//! How much memory the state of an isolated test takes. Alone in its process: other tests would
//! allocate.

use resilience::testing::{Script, isolated};
use resilience::{
    CircuitBreaker, Rejected, ServiceError, circuit_breaker, degrade, errors::ServiceUnavailable,
    retry, timeout,
};
use resilience_test_support::allocations::{Counting, held_bytes};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Debug, thiserror::Error, ServiceError)]
enum CallError {
    #[error(transparent)]
    #[service(transparent)]
    Unavailable(#[from] ServiceUnavailable),
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] Rejected),
}

static PLAIN: CircuitBreaker = CircuitBreaker::new("plain");
static RATE: CircuitBreaker = CircuitBreaker::new("rate").failure_rate(50);

macro_rules! functions {
    ($($name:ident: $breaker:ident),*) => {
        $(
            #[degrade(fallback = 1)]
            #[retry(idempotent)]
            #[circuit_breaker($breaker)]
            #[timeout("2s")]
            async fn $name(callee: &Script<u32, CallError>) -> Result<u32, CallError> {
                callee.call().await
            }
        )*
    };
}

functions!(plain: PLAIN, rate: RATE);

const TESTS: isize = 100;

/// The bytes that one isolated test leaves behind.
fn leaked<F: Future<Output = Result<u32, CallError>>>(call: impl Fn() -> F) -> isize {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
    let test = || runtime.block_on(async { isolated(call()).await.expect("a fallback") });
    // What the process creates once.
    test();
    let before = held_bytes();
    for _ in 0..TESTS {
        test();
    }
    (held_bytes() - before) / TESTS
}

/// `testing::isolated` has these figures in its docs.
#[test]
fn isolated_test_leaves_what_its_docs_say() {
    let callee = Script::new().fails(1).forever();
    let nothing = leaked(async || Ok(1));
    let one = leaked(|| plain(&callee));
    let two = leaked(async || {
        plain(&callee).await?;
        rate(&callee).await
    });
    println!("nothing: {nothing} bytes; a function and its breaker: {one}; two: {two}");
    assert_eq!(nothing, 0);
    assert!((1..3_000).contains(&one), "{one}");
    assert!((1..2_500).contains(&(two - one)), "{two} - {one}");
}
