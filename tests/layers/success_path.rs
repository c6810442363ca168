//! The cost of a success: no allocation, and a future not much larger than a hand-written one.

use std::cell::Cell;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use resilience::{
    CircuitBreaker, CircuitBreakers, Classify, Rejected, RequestContext, Retry, RetryBudget,
    boundary, circuit_breaker, dead_letter,
    dead_letter::{DeadLetters, Handled},
    degrade,
    registry::Site,
    retry,
    retry::{Attempts, RetryRules},
    secs, timeout,
};
use resilience_test_support::allocations::{Counting, allocations, held_bytes};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The allocations of the second run: the first may register a site.
fn repeated(mut run: impl FnMut()) -> u32 {
    run();
    allocations(run)
}

/// The outcome of a future that is ready at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("the future isn't ready"),
    }
}

static BREAKER: CircuitBreaker = CircuitBreaker::new("inventory");
const STANDARD: Retry = Retry::new().idempotent();

async fn bare(sku: &str) -> Result<[u64; 4], Rejected> {
    Ok([sku.len() as u64; 4])
}

#[retry(idempotent, external_timeout)]
async fn under_retry(sku: &str) -> Result<[u64; 4], Rejected> {
    bare(sku).await
}

#[circuit_breaker(BREAKER)]
async fn under_circuit_breaker(sku: &str) -> Result<[u64; 4], Rejected> {
    bare(sku).await
}

static HOSTS: CircuitBreakers<str> = CircuitBreakers::new("hosts");

#[circuit_breaker(HOSTS, key = sku)]
async fn under_keyed_breaker(sku: &str) -> Result<[u64; 4], Rejected> {
    bare(sku).await
}

#[timeout("5s")]
async fn under_timeout(sku: &str) -> Result<[u64; 4], Rejected> {
    bare(sku).await
}

#[degrade(fallback = [0; 4])]
async fn under_degrade(sku: &str) -> Result<[u64; 4], Rejected> {
    bare(sku).await
}

static LETTERS: DeadLetters = DeadLetters::new();

#[dead_letter(queue = "orders", store = LETTERS, dedupe_key = order)]
async fn under_dead_letter(order: &str) -> Result<(), Rejected> {
    bare(order).await.map(drop)
}

#[dead_letter(queue = "orders", store = LETTERS)]
#[retry(STANDARD)]
#[circuit_breaker(BREAKER)]
#[timeout("5s")]
async fn dead_letter_and_all(order: &str, body: &[u8]) -> Result<Handled<usize>, Rejected> {
    bare(order).await?;
    Ok(Handled::Processed(body.len()))
}

#[degrade(fallback = [0; 4])]
#[timeout("20s")]
#[retry(STANDARD)]
#[circuit_breaker(BREAKER)]
#[timeout("5s")]
async fn under_all(sku: &str) -> Result<[u64; 4], Rejected> {
    bare(sku).await
}

#[degrade(stale(max_age = "1m", key = sku))]
async fn under_stale(sku: &str) -> Result<[u64; 4], Rejected> {
    Ok([sku.len() as u64; 4])
}

#[degrade(stale(max_age = "1m", key = sku, coalesce))]
async fn under_coalesce(sku: &str) -> Result<[u64; 4], Rejected> {
    Ok([sku.len() as u64; 4])
}

#[degrade(stale(max_age = "1h", key = sku, refresh = background, fresh = "30m"))]
async fn served_at_once(sku: &str) -> Result<[u64; 4], Rejected> {
    Ok([sku.len() as u64; 4])
}

#[boundary]
async fn under_boundary(sku: &str) -> Result<[u64; 4], Rejected> {
    bare(sku).await
}

#[boundary]
async fn boundary_that_reads_its_id(sku: &str) -> Result<[u64; 4], Rejected> {
    assert!(RequestContext::current().is_some());
    bare(sku).await
}

#[boundary(operation = "stock")]
#[degrade(fallback = [0; 4])]
#[timeout("20s")]
#[retry(STANDARD)]
#[circuit_breaker(BREAKER)]
#[timeout("5s")]
async fn under_boundary_and_all(sku: &str) -> Result<[u64; 4], Rejected> {
    bare(sku).await
}

#[boundary]
fn boundary_not_async(sku: &str) -> Result<usize, Rejected> {
    Ok(sku.len())
}

#[retry(idempotency_key = sku.len(), external_timeout)]
#[circuit_breaker]
async fn with_a_key(sku: &str) -> Result<[u64; 4], Rejected> {
    bare(sku).await
}

#[degrade(fallback = 0)]
#[retry(STANDARD, blocking)]
#[circuit_breaker(BREAKER)]
fn not_async(sku: &str) -> Result<usize, Rejected> {
    Ok(sku.len())
}

#[test]
fn allocation_counter_counts() {
    assert_eq!(repeated(|| drop(Box::new(1))), 1);
}

#[test]
fn success_does_not_allocate() {
    let sku = "sku";
    assert_eq!(repeated(|| assert!(now(under_retry(sku)).is_ok())), 0, "retry");
    assert_eq!(repeated(|| assert!(now(under_circuit_breaker(sku)).is_ok())), 0, "circuit_breaker");
    assert_eq!(repeated(|| assert!(now(under_timeout(sku)).is_ok())), 0, "timeout");
    assert_eq!(repeated(|| assert!(now(under_degrade(sku)).is_ok())), 0, "degrade");
    assert_eq!(repeated(|| assert!(now(under_all(sku)).is_ok())), 0, "all layers");
    assert_eq!(repeated(|| assert!(now(under_dead_letter(sku)).is_ok())), 0, "dead_letter");
    assert_eq!(
        repeated(|| assert!(now(dead_letter_and_all(sku, b"body")).is_ok())),
        0,
        "dead_letter above all layers"
    );
    assert_eq!(
        repeated(|| assert!(not_async(sku).is_ok())),
        0,
        "all layers that serve a function that isn't async"
    );
    assert_eq!(
        repeated(|| assert!(now(with_a_key(sku)).is_ok())),
        1,
        "the key's text is the user's"
    );
}

#[test]
fn known_key_does_not_allocate() {
    let sku = "sku";
    assert_eq!(repeated(|| assert!(now(under_keyed_breaker(sku)).is_ok())), 0);
    assert_eq!(repeated(|| HOSTS.get("host").acquire().unwrap().succeeded()), 0);
}

/// What `stale` keeps is the one thing that a success allocates.
#[test]
fn kept_value_is_served_without_allocation_and_sharing_a_call_costs_one() {
    let sku = "sku";
    let kept = repeated(|| assert!(now(under_stale(sku)).is_ok()));
    let shared = repeated(|| assert!(now(under_coalesce(sku)).is_ok()));
    assert!(kept > 0, "the value");
    assert_eq!(shared, kept + 1, "the call in the table");
    assert_eq!(repeated(|| assert!(now(served_at_once(sku)).is_ok())), 0, "from the store");
}

#[test]
fn a_million_keys_take_no_more_memory_than_a_full_set() {
    let set: CircuitBreakers<u64> =
        CircuitBreakers::new("many").failure_threshold(1).max_keys(10_000);
    let failed = Rejected::timed_out("many", secs(1)).classify();
    let before = held_bytes();
    let mut call = |key| set.get(&key).acquire().unwrap().succeeded();
    set.get(&7).acquire().unwrap().failed(&failed);
    (0..10_000).filter(|key| *key != 7).for_each(&mut call);
    let full = held_bytes() - before;
    // A few hundred bytes each, with what metrics and the test kit add.
    assert!(full < 6_000_000, "{full}");
    (10_000..1_000_000).for_each(call);
    // The list of open breakers that are kept is created when the set is full.
    assert!(held_bytes() - before < full + 1_000);
    assert!(set.get(&7).acquire().is_err(), "an open breaker is kept");
    assert_eq!((set.metrics().keys, set.metrics().open), (10_000, 1));
}

#[test]
fn boundary_allocates_only_when_its_context_is_read() {
    let sku = "sku";
    RequestContext::new().sync_scope(|| {
        assert_eq!(repeated(|| assert!(now(under_boundary(sku)).is_ok())), 0, "boundary");
        assert_eq!(
            repeated(|| assert!(now(under_boundary_and_all(sku)).is_ok())),
            0,
            "boundary above all layers"
        );
        assert_eq!(
            repeated(|| assert!(boundary_not_async(sku).is_ok())),
            0,
            "a function that isn't async"
        );
    });
    assert_eq!(repeated(|| assert!(now(under_boundary(sku)).is_ok())), 0, "the id is not read");
    assert_eq!(repeated(|| assert!(boundary_not_async(sku).is_ok())), 0, "the same, not async");
    let read = repeated(|| assert!(now(boundary_that_reads_its_id(sku)).is_ok()));
    assert_eq!(read, 2, "the id and the context");
}

#[retry(idempotent, base = "0s", jitter = "none", attempts = 1_000, budget = "off", blocking)]
fn retried(calls: &Cell<u32>) -> Result<u32, Rejected> {
    calls.set(calls.get() + 1);
    if calls.get().is_multiple_of(1_000) {
        Ok(1)
    } else {
        Err(Rejected::timed_out("inventory", secs(1)))
    }
}

#[test]
fn thousand_retries_do_not_allocate() {
    let calls = Cell::new(0);
    let allocations = repeated(|| assert_eq!(retried(&calls), Ok(1)));
    assert_eq!(calls.get(), 2_000);
    // The metrics of a failure have labels. Without the feature, as this package is built alone,
    // nothing is allocated.
    if !resilience::__private::RECORDS_METRICS {
        assert_eq!(allocations, 0);
    }
}

mod by_hand {
    //! The same with tokio and by hand: one loop, one timeout in another, no abstraction.

    use resilience::report::Report;
    use tracing::Instrument as _;

    use super::{
        Attempts, BREAKER, Classify, Rejected, RequestContext, RetryBudget, RetryRules, STANDARD,
        Site, bare, secs,
    };

    static SITE: Site = Site::new("inventory", "by_hand", module_path!(), file!(), line!());
    static BUDGET: RetryBudget = RetryBudget::standard();

    pub(crate) async fn retry(sku: &str) -> Result<[u64; 4], Rejected> {
        let mut attempts = Attempts::new();
        loop {
            let wait = match bare(sku).await {
                Ok(value) => {
                    attempts.succeeded(&BUDGET);
                    return Ok(value);
                }
                Err(error) => attempts.judge(
                    error,
                    Classify::classify,
                    RetryRules::new(&STANDARD, &BUDGET, &SITE),
                )?,
            };
            wait.pause().await;
        }
    }

    pub(crate) async fn timeout(sku: &str) -> Result<[u64; 4], Rejected> {
        tokio::time::timeout(secs(5), bare(sku))
            .await
            .unwrap_or(Err(Rejected::timed_out("inventory", secs(5))))
    }

    pub(crate) async fn circuit_breaker(sku: &str) -> Result<[u64; 4], Rejected> {
        let permit = BREAKER.acquire()?;
        let outcome = bare(sku).await;
        permit.settle(&outcome, Classify::classify);
        outcome
    }

    pub(crate) async fn degrade(sku: &str) -> Result<[u64; 4], Rejected> {
        match bare(sku).await {
            Err(error) if error.classify().rejected().is_some() => Ok([0; 4]),
            outcome => outcome,
        }
    }

    async fn attempt(sku: &str) -> Result<[u64; 4], Rejected> {
        let permit = BREAKER.acquire()?;
        let outcome = timeout(sku).await;
        permit.settle(&outcome, Classify::classify);
        outcome
    }

    async fn attempts(sku: &str) -> Result<[u64; 4], Rejected> {
        let mut attempts = Attempts::new();
        loop {
            let wait = match attempt(sku).await {
                Ok(value) => {
                    attempts.succeeded(&BUDGET);
                    return Ok(value);
                }
                Err(error) => attempts.judge(
                    error,
                    Classify::classify,
                    RetryRules::new(&STANDARD, &BUDGET, &SITE),
                )?,
            };
            wait.pause().await;
        }
    }

    /// Reports an error, and creates a context if there is none.
    pub(crate) async fn boundary(sku: &str) -> Result<[u64; 4], Rejected> {
        let work = async {
            bare(sku).await.inspect_err(|error| _ = Report::new(error).operation("by_hand").emit())
        };
        let context = RequestContext::current().unwrap_or_else(RequestContext::new);
        let span = tracing::info_span!("boundary", request_id = context.request_id().as_str());
        context.scope(work.instrument(span)).await
    }

    pub(crate) async fn all(sku: &str) -> Result<[u64; 4], Rejected> {
        let outcome = tokio::time::timeout(secs(20), attempts(sku)).await;
        match outcome.unwrap_or(Err(Rejected::timed_out("inventory", secs(20)))) {
            Err(error) if error.classify().rejected().is_some() => Ok([0; 4]),
            outcome => outcome,
        }
    }
}

#[test]
fn futures_are_not_much_larger_than_hand_written_ones() {
    let sku = "sku";
    for (name, ours, by_hand) in [
        ("retry", size_of_val(&under_retry(sku)), size_of_val(&by_hand::retry(sku))),
        (
            "circuit_breaker",
            size_of_val(&under_circuit_breaker(sku)),
            size_of_val(&by_hand::circuit_breaker(sku)),
        ),
        ("timeout", size_of_val(&under_timeout(sku)), size_of_val(&by_hand::timeout(sku))),
        ("degrade", size_of_val(&under_degrade(sku)), size_of_val(&by_hand::degrade(sku))),
        ("all layers", size_of_val(&under_all(sku)), size_of_val(&by_hand::all(sku))),
        ("boundary", size_of_val(&under_boundary(sku)), size_of_val(&by_hand::boundary(sku))),
    ] {
        println!("{name}: {ours} bytes, by hand {by_hand}");
        assert!(2 * ours <= 3 * by_hand, "{name}: {ours} bytes, by hand {by_hand}");
    }
}

#[test]
fn hand_written_futures_return_the_same() {
    for outcome in
        [now(by_hand::retry("a")), now(by_hand::circuit_breaker("a")), now(by_hand::degrade("a"))]
    {
        assert_eq!(outcome, Ok([1; 4]));
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    assert_eq!(runtime.block_on(by_hand::timeout("a")), Ok([1; 4]));
    assert_eq!(runtime.block_on(by_hand::all("a")), Ok([1; 4]));
}
