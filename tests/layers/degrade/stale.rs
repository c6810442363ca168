//! The last good value.

use std::cell::Cell;

use resilience::degrade::{Source, StaleValues};
use resilience::{
    CircuitBreaker, Flag, Sourced, circuit_breaker, degrade, millis, retry, secs, timeout,
};
use resilience_test_support::{CallError, Events};
use tokio::time::advance;

#[derive(Debug, Clone, PartialEq)]
struct Stock {
    left: u32,
}

impl Stock {
    fn assume_available(sku: &str) -> Self {
        assert!(!sku.is_empty());
        Self { left: 1 }
    }
}

fn age<T>(sourced: &Sourced<T>) -> std::time::Duration {
    sourced.source().age().expect("it is stale")
}

mod in_a_client {
    use super::*;

    static INVENTORY: CircuitBreaker = CircuitBreaker::new("stale inventory").failure_threshold(3);

    struct Inventory {
        answer: Cell<Result<u32, ()>>,
    }

    type InventoryError = CallError;

    impl Inventory {
        #[degrade(
            fallback = Stock::assume_available(sku),
            stale(max_age = "10m", key = sku, shared(self))
        )]
        #[retry(idempotent, attempts = 3, base = "500ms", max_delay = "15s")]
        #[circuit_breaker(INVENTORY)]
        #[timeout("5s")]
        async fn stock(&self, sku: &str) -> Result<Sourced<Stock>, InventoryError> {
            let left = self.answer.get().map_err(|()| CallError::Busy)?;
            Ok(Sourced::live(Stock { left }))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn call_is_answered_live_then_stale_then_by_the_fallback() {
        let inventory = Inventory { answer: Cell::new(Err(())) };
        let stock = inventory.stock("42").await.unwrap();
        assert_eq!(stock, Sourced::fallback(Stock { left: 1 }, "BUSY"));

        advance(secs(60)).await;
        inventory.answer.set(Ok(7));
        assert_eq!(inventory.stock("42").await, Ok(Sourced::live(Stock { left: 7 })));

        inventory.answer.set(Err(()));
        let stock = inventory.stock("42").await.unwrap();
        assert_eq!(stock.left, 7);
        assert!(age(&stock) < secs(10), "the time of the retries: {stock:?}");
        // The circuit is open by now, so nothing takes time.
        advance(secs(600).saturating_sub(age(&stock))).await;
        let stock = inventory.stock("42").await.unwrap();
        assert_eq!((stock.left, age(&stock)), (7, secs(600)));
        advance(millis(1)).await;
        let stock = inventory.stock("42").await.unwrap();
        assert!(matches!(stock.source(), Source::Fallback { .. }), "{stock:?}");
        assert_eq!(stock.left, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn value_of_a_plain_type_is_stale_without_saying_so() {
    #[degrade(stale(max_age = "1m", key = id, shared(outcome)))]
    async fn price(id: u32, outcome: Result<u32, CallError>) -> Result<u32, CallError> {
        let _ = id;
        outcome
    }
    assert_eq!(price(1, Err(CallError::Busy)).await, Err(CallError::Busy), "there is none yet");
    assert_eq!(price(1, Ok(5)).await, Ok(5));
    assert_eq!(price(1, Err(CallError::Busy)).await, Ok(5));
    assert_eq!(price(1, Err(CallError::Absent)).await, Err(CallError::Absent), "an answer");
    assert_eq!(price(2, Err(CallError::Busy)).await, Err(CallError::Busy), "another key");
    assert_eq!(price(1, Ok(6)).await, Ok(6));
    advance(secs(60)).await;
    assert_eq!(price(1, Err(CallError::Busy)).await, Ok(6), "the last one");
    advance(millis(1)).await;
    assert_eq!(price(1, Err(CallError::Busy)).await, Err(CallError::Busy), "too old");
}

#[tokio::test(start_paused = true)]
async fn event_has_source_and_age_and_never_the_value_or_the_key() {
    #[degrade(fallback = "fallback".to_owned(), stale(max_age = "1m", key = user, shared(fails)))]
    async fn secret(user: &str, fails: bool) -> Result<String, CallError> {
        if fails { Err(CallError::Busy) } else { Ok(format!("{user}-secret")) }
    }
    secret("alice", false).await.unwrap();
    advance(secs(7)).await;
    let events = Events::capture();
    assert_eq!(secret("alice", true).await.unwrap(), "alice-secret");
    assert_eq!(secret("bob", true).await.unwrap(), "fallback");
    let [stale, fallback] = &events.named("graceful_degradation_activated")[..] else {
        panic!("{:?}", events.all())
    };
    let fields = ["source", "age_ms", "fallback", "code"];
    assert_eq!(fields.map(|name| stale.field(name)), ["cache", "7000", "", "BUSY"]);
    assert_eq!(
        fields.map(|name| fallback.field(name)),
        ["default", "", "\"fallback\".to_owned()", "BUSY"]
    );
    assert!(!format!("{:?}", events.all()).contains("alice"));
}

#[tokio::test]
async fn functions_and_keys_have_values_of_their_own() {
    #[degrade(stale(max_age = "1m", key = (id, name), shared(fails)))]
    fn one(id: u32, name: &str, fails: bool) -> Result<String, CallError> {
        if fails { Err(CallError::Busy) } else { Ok(format!("one {id} {name}")) }
    }
    #[degrade(stale(max_age = "1m", key = (id, name), shared(fails)))]
    fn other(id: u32, name: &str, fails: bool) -> Result<String, CallError> {
        if fails { Err(CallError::Busy) } else { Ok(format!("other {id} {name}")) }
    }
    for (id, name) in [(1, "a"), (2, "a"), (1, "b")] {
        one(id, name, false).unwrap();
    }
    assert_eq!(one(1, "a", true).unwrap(), "one 1 a");
    assert_eq!(one(2, "a", true).unwrap(), "one 2 a");
    assert_eq!(one(1, "b", true).unwrap(), "one 1 b");
    assert_eq!(one(2, "b", true), Err(CallError::Busy));
    assert_eq!(other(1, "a", true), Err(CallError::Busy));
}

#[tokio::test]
async fn instances_with_a_store_have_values_of_their_own() {
    #[derive(Default)]
    struct Tenant {
        fails: Cell<bool>,
        last: StaleValues,
    }
    impl Tenant {
        #[degrade(stale(max_age = "1m", key = id, store = self.last))]
        async fn name(&self, id: u32) -> Result<String, CallError> {
            if self.fails.get() { Err(CallError::Busy) } else { Ok(format!("name {id}")) }
        }
        #[degrade(stale(max_age = "1m", key = id, store = &self.last))]
        async fn street(&self, id: u32) -> Result<String, CallError> {
            if self.fails.get() { Err(CallError::Busy) } else { Ok(format!("street {id}")) }
        }
    }
    let (one, other) = (Tenant::default(), Tenant::default());
    one.name(1).await.unwrap();
    one.fails.set(true);
    other.fails.set(true);
    assert_eq!(one.name(1).await.unwrap(), "name 1");
    assert_eq!(one.street(1).await, Err(CallError::Busy), "another function");
    assert_eq!(other.name(1).await, Err(CallError::Busy), "another instance");
    assert_eq!(one.last.len(), 1);
    one.last.clear();
    assert_eq!(one.name(1).await, Err(CallError::Busy));
}

#[tokio::test]
async fn types_of_a_generic_function_have_values_of_their_own() {
    trait Make {
        fn make() -> u32;
    }
    struct One;
    struct Two;
    impl Make for One {
        fn make() -> u32 {
            1
        }
    }
    impl Make for Two {
        fn make() -> u32 {
            2
        }
    }
    #[degrade(stale(max_age = "1m", shared(fails)))]
    fn make<M: Make, const N: usize>(fails: bool) -> Result<u32, CallError> {
        if fails { Err(CallError::Busy) } else { Ok(M::make() * 10 + u32::try_from(N).unwrap()) }
    }
    struct Repository<M>(std::marker::PhantomData<M>);
    impl<M: Make> Repository<M> {
        #[degrade(stale(max_age = "1m", shared(self, fails)))]
        fn load(&self, fails: bool) -> Result<u32, CallError> {
            let Self(_) = self;
            if fails { Err(CallError::Busy) } else { Ok(M::make()) }
        }
    }
    #[degrade(stale(max_age = "1m", shared(value, fails)))]
    #[allow(clippy::needless_pass_by_value, reason = "the argument's type is what matters")]
    fn show(value: impl ToString, fails: bool) -> Result<String, CallError> {
        if fails { Err(CallError::Busy) } else { Ok(value.to_string()) }
    }
    make::<One, 3>(false).unwrap();
    assert_eq!(make::<One, 3>(true), Ok(13));
    assert_eq!(make::<Two, 3>(true), Err(CallError::Busy));
    assert_eq!(make::<One, 4>(true), Err(CallError::Busy));
    Repository::<One>(std::marker::PhantomData).load(false).unwrap();
    assert_eq!(Repository::<One>(std::marker::PhantomData).load(true), Ok(1));
    assert_eq!(Repository::<Two>(std::marker::PhantomData).load(true), Err(CallError::Busy));
    show(1_u8, false).unwrap();
    assert_eq!(show(2_u8, true).unwrap(), "1");
    assert_eq!(show("2", true), Err(CallError::Busy));
}

/// So an argument can be part of it that the body moves.
#[tokio::test]
async fn key_is_evaluated_before_the_body_runs() {
    #[degrade(stale(max_age = "1m", key = (&order, next(evaluated)), shared(fails)))]
    async fn take(order: String, evaluated: &Cell<u32>, fails: bool) -> Result<String, CallError> {
        assert_eq!(evaluated.get() % 10, 1);
        let order = { order };
        if fails { Err(CallError::Busy) } else { Ok(order) }
    }
    fn next(evaluated: &Cell<u32>) -> u32 {
        evaluated.set(evaluated.get() + 1);
        evaluated.get() / 10
    }
    let evaluated = Cell::new(0);
    take("a".to_owned(), &evaluated, false).await.unwrap();
    evaluated.set(0);
    assert_eq!(take("a".to_owned(), &evaluated, true).await.unwrap(), "a");
    assert_eq!(evaluated.get(), 1);
}

#[tokio::test]
async fn only_live_values_are_kept() {
    #[degrade(stale(max_age = "1m", shared(outcome)))]
    async fn count(outcome: Result<Sourced<u32>, CallError>) -> Result<Sourced<u32>, CallError> {
        outcome
    }
    count(Ok(Sourced::live(1))).await.unwrap();
    count(Ok(Sourced::stale(2, secs(1)))).await.unwrap();
    count(Ok(Sourced::fallback(3, "BUSY"))).await.unwrap();
    assert_eq!(count(Err(CallError::Busy)).await.unwrap().into_inner(), 1);
}

#[tokio::test(start_paused = true)]
async fn switched_off_call_is_answered_by_the_last_good_value() {
    static FLAG: Flag = Flag::new("stale");
    #[degrade(flag = FLAG, stale(max_age = "1m"))]
    async fn count() -> Result<Sourced<u32>, CallError> {
        Ok(Sourced::live(1))
    }
    FLAG.set(false);
    assert!(count().await.is_err(), "there is none yet");
    FLAG.set(true);
    count().await.unwrap();
    FLAG.set(false);
    advance(secs(5)).await;
    let events = Events::capture();
    assert_eq!(count().await, Ok(Sourced::stale(1, secs(5))));
    assert!(events.all().is_empty(), "{:?}", events.all());
}

#[tokio::test]
async fn number_of_values_is_bounded_and_the_longest_unused_goes_first() {
    let values = StaleValues::with_max_entries(100);
    for key in 0..100_000_u32 {
        values.insert(&key, key);
        values.get::<u32, _>(&0, secs(60));
    }
    assert_eq!(values.len(), 100);
    assert!(values.get::<u32, _>(&99_999, secs(60)).is_some());
    assert_eq!(values.get::<u32, _>(&1, secs(60)), None);
    assert_eq!(values.get::<u64, _>(&99_999, secs(60)), None, "another type");
}

#[tokio::test]
async fn weight_of_all_values_is_bounded() {
    #[degrade(stale(
        max_age = "1m",
        key = id,
        shared(fails),
        max_weight = 100,
        weight = |text: &String| u32::try_from(text.len()).unwrap()
    ))]
    fn text(id: u32, fails: bool) -> Result<Sourced<String>, CallError> {
        if fails { Err(CallError::Busy) } else { Ok(Sourced::live("x".repeat(40))) }
    }
    for id in 0..1_000 {
        text(id, false).unwrap();
    }
    let values = StaleValues::with_max_weight(100);
    for id in 0..1_000 {
        values.insert_weighing(&id, (), 40);
    }
    assert_eq!(values.len(), 2);
    assert!(text(999, true).is_ok());
    assert_eq!(text(0, true), Err(CallError::Busy));
}

#[tokio::test]
async fn futures_are_send_and_async_trait_methods_are_supported() {
    #[async_trait::async_trait]
    trait Load {
        async fn load(&self, id: u32) -> Result<Vec<u32>, CallError>;
    }
    struct Repository {
        fails: bool,
    }
    #[async_trait::async_trait]
    impl Load for Repository {
        #[degrade(stale(max_age = "1m", key = id, shared(self)))]
        async fn load(&self, id: u32) -> Result<Vec<u32>, CallError> {
            if self.fails { Err(CallError::Busy) } else { Ok(vec![id]) }
        }
    }
    let load = |fails| tokio::spawn(async move { Repository { fails }.load(7).await });
    assert_eq!(load(false).await.unwrap(), Ok(vec![7]));
    assert_eq!(load(true).await.unwrap(), Ok(vec![7]));
}

/// It is computed for each call.
#[tokio::test(start_paused = true)]
async fn maximum_age_may_be_an_expression() {
    #[degrade(stale(max_age = secs(seconds), shared(seconds, fails), key = ()))]
    async fn count(seconds: u64, fails: bool) -> Result<u32, CallError> {
        if fails { Err(CallError::Busy) } else { Ok(1) }
    }
    count(0, false).await.unwrap();
    advance(secs(3)).await;
    assert_eq!(count(2, true).await, Err(CallError::Busy));
    assert_eq!(count(3, true).await, Ok(1));
}
