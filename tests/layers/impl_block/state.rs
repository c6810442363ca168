//! One breaker and one retry budget for all methods of a block.

use std::marker::PhantomData;

use resilience::{
    CircuitBreaker, Rejected, RetryBudget, circuit_breaker, registry, retry, timeout,
};
use resilience_test_support::{CallError, Events};

use super::Callee;

fn is_open(outcome: &Result<u32, CallError>) -> bool {
    matches!(outcome, Err(CallError::Rejected(Rejected::CircuitOpen { .. })))
}

#[derive(Default)]
struct Orders {
    callee: Callee,
}

#[circuit_breaker(failure_threshold = 2)]
impl Orders {
    async fn find(&self) -> Result<u32, CallError> {
        self.callee.call("find")
    }

    async fn list(&self) -> Result<u32, CallError> {
        self.callee.call("list")
    }

    #[circuit_breaker(failure_threshold = 2)]
    async fn with_its_own(&self) -> Result<u32, CallError> {
        self.callee.call("with_its_own")
    }
}

/// Another block of the same type.
#[circuit_breaker(failure_threshold = 2, service = "archive")]
impl Orders {
    async fn archive(&self) -> Result<u32, CallError> {
        self.callee.call("archive")
    }
}

#[tokio::test(start_paused = true)]
async fn methods_share_one_breaker_that_is_named_after_the_type() {
    let orders = Orders::default();
    let events = Events::capture();
    orders.callee.fails("find", 1);
    orders.callee.fails("list", 1);
    assert_eq!(orders.find().await, Err(CallError::Busy));
    assert_eq!(orders.list().await, Err(CallError::Busy));
    assert!(is_open(&orders.find().await));
    assert!(is_open(&Orders::default().list().await), "of all values of the type");
    assert_eq!(orders.with_its_own().await, Ok(1));
    assert_eq!(orders.archive().await, Ok(1), "of this block");

    let changes = events.named("circuit_breaker_state_change");
    assert_eq!(changes[0].field("dependency"), "Orders", "{:?}", changes[0]);
    let rejected = events.named("circuit_breaker_rejected");
    let functions: Vec<_> = rejected.iter().map(|event| event.field("function")).collect();
    assert_eq!(functions, ["find", "list"], "each keeps its label");
    let names: Vec<_> = registry().circuit_breakers().map(|breaker| breaker.name()).collect();
    assert!(names.contains(&"Orders") && names.contains(&"archive"), "{names:?}");
    assert_eq!(names.iter().filter(|name| **name == "Orders").count(), 1, "{names:?}");
}

struct Clients {
    breaker: CircuitBreaker,
    callee: Callee,
}

static BUDGET: RetryBudget = RetryBudget::new();

#[retry(idempotent, base = "0s", jitter = "none", budget = BUDGET)]
#[circuit_breaker(self.breaker)]
#[timeout("5s")]
impl Clients {
    async fn find(&self) -> Result<u32, CallError> {
        self.callee.call("find")
    }

    async fn list(&self) -> Result<u32, CallError> {
        self.callee.call("list")
    }

    #[resilience(skip)]
    async fn connect(callee: Callee) -> Result<Self, CallError> {
        callee.call("connect")?;
        Ok(Self { breaker: CircuitBreaker::new("clients").failure_threshold(2), callee })
    }
}

#[tokio::test(start_paused = true)]
async fn breaker_can_be_a_field() {
    let clients = Clients::connect(Callee::default()).await.unwrap();
    clients.callee.fails("find", 2);
    assert_eq!(clients.find().await, Err(CallError::Busy), "the second failure opens the circuit");
    assert!(is_open(&clients.list().await));
    let others = Clients::connect(Callee::default()).await.unwrap();
    assert_eq!(others.list().await, Ok(1));
}

#[derive(Default)]
struct Budgeted {
    callee: Callee,
}

#[retry(idempotent, attempts = 2, base = "0s", jitter = "none")]
#[timeout("5s")]
impl Budgeted {
    async fn one(&self) -> Result<u32, CallError> {
        self.callee.call("one")
    }

    async fn other(&self) -> Result<u32, CallError> {
        self.callee.call("other")
    }
}

#[tokio::test(start_paused = true)]
async fn methods_share_one_budget() {
    let budgeted = Budgeted::default();
    budgeted.callee.fails("one", 1000);
    let mut calls = 0;
    while budgeted.callee.calls("one") - calls == 2 || calls == 0 {
        calls = budgeted.callee.calls("one");
        assert_eq!(budgeted.one().await, Err(CallError::Busy));
    }
    budgeted.callee.fails("other", 1);
    assert_eq!(budgeted.other().await, Err(CallError::Busy), "nothing is left for a retry");
    assert_eq!(budgeted.callee.calls("other"), 1);
}

#[derive(Default)]
struct Store<T> {
    callee: Callee,
    of: PhantomData<T>,
}

#[circuit_breaker(failure_threshold = 1, shared)]
impl<T: Sync> Store<T>
where
    for<'a> &'a T: Sync,
{
    async fn find(&self) -> Result<u32, CallError> {
        self.callee.call("find")
    }
}

#[tokio::test(start_paused = true)]
async fn breaker_of_a_generic_block_is_shared_if_that_is_written() {
    let store = Store::<u8>::default();
    store.callee.fails("find", 1);
    assert_eq!(store.find().await, Err(CallError::Busy));
    assert!(is_open(&Store::<u16>::default().find().await));
}

/// A block inside a function.
#[tokio::test(start_paused = true)]
async fn block_can_be_inside_a_function() {
    struct Local;

    #[circuit_breaker(failure_threshold = 1)]
    impl Local {
        async fn find(&self, callee: &Callee) -> Result<u32, CallError> {
            callee.call("find")
        }

        async fn list(&self, callee: &Callee) -> Result<u32, CallError> {
            callee.call("list")
        }
    }

    let callee = Callee::default();
    callee.fails("find", 1);
    assert_eq!(Local.find(&callee).await, Err(CallError::Busy));
    assert!(is_open(&Local.list(&callee).await));
}
