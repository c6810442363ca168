//! Free functions: visibility, qualifiers, names, bodies.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};

use resilience::{CircuitBreaker, Retry, circuit_breaker, degrade, retry, secs, timeout};

use super::support::{Callee, ShopError, hang, is_send};

#[retry(idempotent)]
#[timeout("5s")]
async fn plain(callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

#[tokio::test(start_paused = true)]
async fn free_function_is_retried() {
    assert_eq!(plain(&Callee::answering_at(3)).await, Ok(3));
    assert_eq!(plain(&Callee::answering_at(4)).await, Err(ShopError::Busy));
}

#[degrade(fallback = 0)]
#[timeout("20s")]
#[retry(idempotent, attempts = 3, base = "100ms", max_delay = "1s")]
#[circuit_breaker(failure_threshold = 4, recovery_timeout = "30s")]
#[timeout("5s")]
async fn all_layers(callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

#[tokio::test(start_paused = true)]
async fn all_layers_work_on_one_function() {
    assert_eq!(all_layers(&Callee::answering_at(1)).await, Ok(1));
    assert_eq!(all_layers(&Callee::answering_at(2)).await, Ok(2));
    let down = Callee::answering_at(0);
    assert_eq!(all_layers(&down).await, Ok(0), "the fallback");
    assert_eq!(down.calls(), 3);
    assert_eq!(all_layers(&down).await, Ok(0));
    assert_eq!(down.calls(), 4, "the fourth failure opened the circuit");
    assert_eq!(all_layers(&down).await, Ok(0));
    assert_eq!(down.calls(), 4);
}

/// The docs are kept.
#[timeout("5s")]
pub(crate) async fn documented() -> Result<(), ShopError> {
    hang().await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn visible_documented_function_is_supported() {
    assert!(documented().await.unwrap_err().is_timed_out());
}

/// # Safety
/// None is needed.
#[retry(idempotent)]
#[timeout("5s")]
#[expect(unsafe_code, reason = "an unsafe function is for this")]
async unsafe fn dangerous(callee: *const Callee) -> Result<u32, ShopError> {
    // SAFETY: the caller says that it points to a callee.
    let callee = unsafe { &*callee };
    callee.call()
}

#[tokio::test(start_paused = true)]
#[expect(unsafe_code, reason = "an unsafe function is called")]
async fn unsafe_function_is_supported() {
    let callee = Callee::answering_at(2);
    // SAFETY: it points to a callee.
    assert_eq!(unsafe { dangerous(&raw const callee) }.await, Ok(2));
}

#[retry(idempotent, base = "0s", jitter = "none", blocking)]
extern "Rust" fn foreign(callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

#[test]
fn sync_extern_function_is_supported() {
    assert_eq!(foreign(&Callee::answering_at(3)), Ok(3));
}

#[degrade(fallback = 0)]
#[retry(idempotent, attempts = 2, base = "0s", jitter = "none", blocking)]
#[circuit_breaker(failure_threshold = 3)]
fn synchronous(callee: &Callee) -> Result<u32, ShopError> {
    let number = callee.call()?;
    if number > 1 {
        return Ok(number);
    }
    Ok(1)
}

#[test]
fn sync_function_supports_degrade_retry_and_breaker() {
    assert_eq!(synchronous(&Callee::answering_at(1)), Ok(1));
    assert_eq!(synchronous(&Callee::answering_at(2)), Ok(2));
    let down = Callee::answering_at(0);
    assert_eq!((synchronous(&down), down.calls()), (Ok(0), 2));
    assert_eq!(
        (synchronous(&down), down.calls()),
        (Ok(0), 3),
        "the third failure opened the circuit"
    );
    assert_eq!((synchronous(&down), down.calls()), (Ok(0), 3));
}

#[retry(idempotent)]
#[timeout("5s")]
async fn r#try(r#type: &Callee) -> Result<u32, ShopError> {
    r#type.call()
}

#[tokio::test(start_paused = true)]
async fn raw_identifiers_are_supported() {
    assert_eq!(r#try(&Callee::answering_at(2)).await, Ok(2));
}

/// An argument for every name that the expansion uses.
#[degrade(fallback = outcome + error + settled)]
#[retry(idempotent, attempts = wait)]
#[circuit_breaker(failure_threshold = 9, ignore = |_: &ShopError| error == 0)]
#[timeout(secs(u64::from(timeout)))]
#[expect(clippy::too_many_arguments, reason = "one per name")]
async fn names_of_the_expansion(
    retry: &Callee,
    timeout: u32,
    outcome: u32,
    error: u32,
    settled: u32,
    wait: u32,
    classify: u32,
    reject: u32,
    breaker: u32,
    permit: u32,
    policy: u32,
    handle: u32,
) -> Result<u32, ShopError> {
    let sum = timeout
        + outcome
        + error
        + settled
        + wait
        + classify
        + reject
        + breaker
        + permit
        + policy
        + handle;
    retry.call().map(|call| call + sum)
}

#[tokio::test(start_paused = true)]
async fn arguments_may_have_the_names_that_the_expansion_uses() {
    let callee = Callee::answering_at(2);
    assert_eq!(names_of_the_expansion(&callee, 10, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1).await, Ok(2 + 21));
    let down = Callee::answering_at(0);
    assert_eq!(names_of_the_expansion(&down, 10, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1).await, Ok(3));
    assert_eq!(down.calls(), 2);
}

/// Arguments with the names of options.
#[retry(idempotent, base = base, max_delay = base, jitter = "none")]
#[timeout("5s")]
async fn an_argument_like_an_option(
    idempotent: &Callee,
    base: std::time::Duration,
) -> Result<u32, ShopError> {
    idempotent.call()
}

#[tokio::test(start_paused = true)]
async fn arguments_may_have_the_names_of_options() {
    let start = tokio::time::Instant::now();
    assert_eq!(an_argument_like_an_option(&Callee::answering_at(3), secs(7)).await, Ok(3));
    assert_eq!(start.elapsed(), secs(14));
}

#[retry(idempotent)]
#[timeout("5s")]
async fn early_return(callee: &Callee, text: &str) -> Result<u32, ShopError> {
    let call = callee.call()?;
    if text.is_empty() {
        return Err(ShopError::Absent);
    }
    let double = || -> Result<u32, ShopError> {
        if text == "0" {
            return Ok(0);
        }
        Ok(text.parse::<u32>()? * 2)
    };
    let mut sum = 0;
    'outer: for n in 0.. {
        for m in 0..3 {
            if n > call {
                break 'outer;
            }
            if m == 1 {
                continue 'outer;
            }
            sum += n;
        }
    }
    match double()? {
        0 => Ok(sum),
        more => Ok(more + sum),
    }
}

#[tokio::test(start_paused = true)]
async fn return_and_question_mark_leave_the_body_only() {
    assert_eq!(early_return(&Callee::answering_at(2), "20").await, Ok(43));
    assert_eq!(early_return(&Callee::answering_at(2), "0").await, Ok(3));
    assert_eq!(early_return(&Callee::answering_at(1), "").await, Err(ShopError::Absent));
    assert!(matches!(early_return(&Callee::answering_at(1), "x").await, Err(ShopError::Number(_))));
}

#[timeout("59m30s")]
async fn never_ends(ticks: &AtomicU32) -> Result<Infallible, ShopError> {
    loop {
        tokio::time::sleep(secs(60)).await;
        ticks.fetch_add(1, Ordering::Relaxed);
    }
}

#[retry(idempotent)]
#[timeout("1m")]
async fn ends_in_a_failure(callee: &Callee) -> Result<Infallible, ShopError> {
    loop {
        callee.call()?;
    }
}

#[tokio::test(start_paused = true)]
async fn body_that_never_returns_is_supported() {
    let ticks = AtomicU32::new(0);
    assert!(never_ends(&ticks).await.unwrap_err().is_timed_out());
    assert_eq!(ticks.into_inner(), 59);
    let callee = Callee::answering_at(1);
    assert_eq!(ends_in_a_failure(&callee).await, Err(ShopError::Busy));
    assert_eq!(callee.calls(), 4, "one answer, and three failures");
}

#[timeout("5s")]
async fn factorial(n: u64) -> Result<u64, ShopError> {
    if n == 0 { Ok(1) } else { Ok(n * Box::pin(factorial(n - 1)).await?) }
}

#[tokio::test(start_paused = true)]
async fn boxed_recursion_is_supported() {
    assert_eq!(factorial(10).await, Ok(3_628_800));
}

#[retry(idempotent)]
#[timeout("5s")]
async fn with_inner_attributes(callee: &Callee) -> Result<u32, ShopError> {
    #![allow(unused_variables)]
    //! Inner documentation.
    let unused = 1;
    callee.call()
}

#[tokio::test(start_paused = true)]
async fn inner_attributes_are_kept() {
    assert_eq!(with_inner_attributes(&Callee::answering_at(2)).await, Ok(2));
}

#[cfg_attr(all(), retry(idempotent, attempts = 2))]
#[cfg_attr(all(), timeout("5s"))]
#[cfg_attr(any(), circuit_breaker)]
async fn conditional(callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

#[retry(idempotent, attempts = 2)]
#[cfg_attr(all(), timeout("5s"), doc = "It would warn if the timeout weren't seen.")]
async fn conditional_below(callee: &Callee) -> Result<u32, ShopError> {
    callee.call()?;
    hang().await;
    Ok(0)
}

#[tokio::test(start_paused = true)]
async fn cfg_attr_attributes_are_supported() {
    let callee = Callee::answering_at(1);
    assert_eq!(conditional_below(&callee).await, Err(ShopError::Busy));
    assert_eq!(callee.calls(), 2);
    let down = Callee::answering_at(0);
    assert_eq!(conditional(&down).await, Err(ShopError::Busy));
    assert_eq!(down.calls(), 2);
}

#[::resilience::retry(idempotent, attempts = 2)]
#[resilience::circuit_breaker(failure_threshold = 9)]
#[::resilience::timeout("5s")]
async fn by_path(callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

#[tokio::test(start_paused = true)]
async fn attributes_may_be_written_as_paths() {
    let down = Callee::answering_at(0);
    assert_eq!(by_path(&down).await, Err(ShopError::Busy));
    assert_eq!(down.calls(), 2);
}

macro_rules! operation {
    ($(#[$attribute:meta])* $name:ident($argument:ident: $type:ty) -> $ok:ty, $attempts:expr, $limit:literal, $body:expr) => {
        #[retry(idempotent, attempts = $attempts)]
        $(#[$attribute])*
        #[timeout($limit)]
        async fn $name($argument: $type) -> Result<$ok, ShopError> {
            $body
        }
    };
}

operation!(generated(callee: &Callee) -> u32, 2 + 2, "5s", callee.call());
operation!(#[circuit_breaker(failure_threshold = 1)] generated_with_more(callee: &Callee) -> u32, 3, "5s", callee.call());

macro_rules! with_state {
    ($breaker:expr, $policy:expr, $attempts:expr, $label:expr, $fallback:expr) => {
        #[degrade(fallback = $fallback)]
        #[retry($policy, attempts = $attempts)]
        #[circuit_breaker($breaker, service = $label)]
        #[timeout("5s")]
        async fn with_state(callee: &Callee) -> Result<u32, ShopError> {
            callee.call()
        }
    };
}

static GIVEN: CircuitBreaker = CircuitBreaker::new("given");
const POLICY: Retry = Retry::new().idempotent();

with_state!(GIVEN, POLICY, 2, "given", 1 + 2);

#[tokio::test(start_paused = true)]
async fn functions_generated_by_macros_are_supported() {
    let down = Callee::answering_at(0);
    assert_eq!(with_state(&down).await, Ok(3));
    assert_eq!(down.calls(), 2);
    assert_eq!(generated(&Callee::answering_at(4)).await, Ok(4));
    let down = Callee::answering_at(0);
    assert_eq!(generated_with_more(&down).await, Err(ShopError::Busy));
    assert_eq!(down.calls(), 1, "the circuit is open before the second attempt");
}

#[retry(idempotent, attempts = 2)]
#[timeout("5s")]
async fn outer(callee: &Callee) -> Result<u32, ShopError> {
    #[retry(idempotent, attempts = 3)]
    #[timeout("5s")]
    async fn inner(callee: &Callee) -> Result<u32, ShopError> {
        callee.call()
    }
    inner(callee).await
}

#[tokio::test(start_paused = true)]
async fn annotated_function_inside_another_is_supported() {
    let down = Callee::answering_at(0);
    assert_eq!(outer(&down).await, Err(ShopError::Busy));
    assert_eq!(down.calls(), 3, "the inner retry isn't started again");
}

#[tokio::test(start_paused = true)]
async fn futures_are_send_and_can_be_spawned() {
    // With a breaker of its own: another test opens that of `all_layers`.
    #[degrade(fallback = 0)]
    #[timeout("20s")]
    #[retry(idempotent, attempts = 3, base = "100ms", max_delay = "1s")]
    #[circuit_breaker(failure_threshold = 4)]
    #[timeout("5s")]
    async fn all_layers_elsewhere(callee: &Callee) -> Result<u32, ShopError> {
        callee.call()
    }
    async fn task() -> Result<u32, ShopError> {
        let callee = Callee::answering_at(2);
        all_layers_elsewhere(&callee).await
    }
    assert_eq!(tokio::spawn(task()).await.expect("no panic"), Ok(2));
    let callee = Callee::answering_at(1);
    assert_eq!(is_send(plain(&callee)).await, Ok(1));
}
