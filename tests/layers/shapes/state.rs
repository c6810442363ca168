//! Where a breaker, a budget or a policy may be defined.

use std::sync::Arc;

use resilience::{
    CircuitBreaker, Retry, RetryBudget, circuit_breaker, degrade, millis, retry, timeout,
};

use super::support::{Callee, ShopError, is_send};

static INVENTORY: CircuitBreaker = CircuitBreaker::new("inventory").failure_threshold(2);
mod more {
    use resilience::{CircuitBreaker, Retry};

    pub(super) static PAYMENTS: CircuitBreaker =
        CircuitBreaker::new("payments").failure_threshold(1);
    pub(super) const CAREFUL: Retry = super::STANDARD.non_idempotent();
}

static BUDGET: RetryBudget = RetryBudget::standard();

#[circuit_breaker(INVENTORY)]
async fn by_static(callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

#[circuit_breaker(INVENTORY)]
fn another_on_the_same_static(callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

#[circuit_breaker(more::PAYMENTS)]
fn by_path_to_a_static(callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

#[tokio::test(start_paused = true)]
async fn functions_may_share_a_static_breaker() {
    let down = Callee::answering_at(0);
    assert_eq!(by_static(&down).await, Err(ShopError::Busy));
    assert_eq!(another_on_the_same_static(&down), Err(ShopError::Busy));
    assert!(by_static(&down).await.unwrap_err().is_circuit_open());
    assert_eq!(by_path_to_a_static(&down), Err(ShopError::Busy));
    assert!(by_path_to_a_static(&down).unwrap_err().is_circuit_open());
    assert_eq!(down.calls(), 3);
}

struct Client {
    breaker: CircuitBreaker,
    shared: Arc<CircuitBreaker>,
    budget: Arc<RetryBudget>,
    fixed: &'static CircuitBreaker,
    calls: u32,
}

impl Client {
    fn new() -> Self {
        Self {
            breaker: CircuitBreaker::new("field").failure_threshold(1),
            shared: Arc::new(CircuitBreaker::new("arc").failure_threshold(1)),
            budget: Arc::new(RetryBudget::standard()),
            fixed: &INVENTORY,
            calls: 0,
        }
    }

    fn breaker(&self) -> &CircuitBreaker {
        &self.breaker
    }

    #[circuit_breaker(self.breaker)]
    async fn field(&self, callee: &Callee) -> Result<u32, ShopError> {
        callee.call()
    }

    #[circuit_breaker(self.breaker())]
    async fn getter(&self, callee: &Callee) -> Result<u32, ShopError> {
        callee.call()
    }

    #[circuit_breaker(&self.shared)]
    async fn reference(&self, callee: &Callee) -> Result<u32, ShopError> {
        callee.call()
    }

    #[degrade(fallback = self.calls)]
    #[retry(idempotent, budget = self.budget)]
    #[circuit_breaker(self.shared)]
    #[timeout("5s")]
    async fn arc_behind_mutable(&mut self, callee: &Callee) -> Result<u32, ShopError> {
        self.calls += 1;
        callee.call()
    }

    #[retry(idempotent)]
    #[circuit_breaker(self.fixed)]
    #[timeout("5s")]
    async fn static_behind_mutable(&mut self, callee: &Callee) -> Result<u32, ShopError> {
        self.calls += 1;
        callee.call()
    }

    #[circuit_breaker(self.shared)]
    #[timeout("5s")]
    async fn arc_of_a_value(self, callee: &Callee) -> Result<Self, ShopError> {
        callee.call()?;
        Ok(self)
    }

    #[circuit_breaker(self.shared)]
    fn not_async(&mut self, callee: &Callee) -> Result<u32, ShopError> {
        self.calls += 1;
        callee.call()
    }
}

#[tokio::test(start_paused = true)]
async fn breaker_may_be_a_field_of_self() {
    let mut client = Client::new();
    let down = Callee::answering_at(0);
    assert_eq!(is_send(client.field(&down)).await, Err(ShopError::Busy));
    assert!(client.getter(&down).await.unwrap_err().is_circuit_open());
    assert_eq!(client.reference(&Callee::answering_at(1)).await, Ok(1));
    assert_eq!(client.not_async(&Callee::answering_at(1)), Ok(1));
    assert_eq!(
        is_send(client.arc_behind_mutable(&down)).await,
        Ok(2),
        "the fallback sees the change"
    );
    assert!(client.not_async(&down).unwrap_err().is_circuit_open());
    assert_eq!(client.static_behind_mutable(&Callee::answering_at(1)).await, Ok(1));
    assert!(client.arc_of_a_value(&down).await.is_err_and(|error| error.is_circuit_open()));
    assert_eq!(down.calls(), 2);
}

#[circuit_breaker(breaker)]
async fn borrowed_argument(breaker: &CircuitBreaker, callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

#[circuit_breaker(handle)]
#[timeout("5s")]
async fn arc_argument(
    handle: Arc<CircuitBreaker>,
    callee: &Callee,
) -> Result<Arc<CircuitBreaker>, ShopError> {
    callee.call()?;
    Ok(handle)
}

#[circuit_breaker(handle)]
async fn borrowed_arc_argument(
    handle: &Arc<CircuitBreaker>,
    callee: &Callee,
) -> Result<u32, ShopError> {
    callee.call()
}

#[circuit_breaker(client.shared)]
async fn field_of_an_argument(client: Client, callee: &Callee) -> Result<Client, ShopError> {
    callee.call()?;
    Ok(client)
}

#[tokio::test(start_paused = true)]
async fn breaker_may_be_an_argument() {
    let breaker = Arc::new(CircuitBreaker::new("argument").failure_threshold(1));
    assert!(is_send(arc_argument(breaker.clone(), &Callee::answering_at(1))).await.is_ok());
    assert_eq!(is_send(borrowed_arc_argument(&breaker, &Callee::answering_at(1))).await, Ok(1));
    assert_eq!(
        is_send(borrowed_argument(&breaker, &Callee::answering_at(0))).await,
        Err(ShopError::Busy)
    );
    let rejected = arc_argument(breaker, &Callee::answering_at(1)).await.map(|_| ());
    assert!(rejected.unwrap_err().is_circuit_open());
    assert!(field_of_an_argument(Client::new(), &Callee::answering_at(1)).await.is_ok());
}

fn keyed(tenant: usize) -> &'static CircuitBreaker {
    static TENANTS: [CircuitBreaker; 2] = [
        CircuitBreaker::new("tenant 0").failure_threshold(1),
        CircuitBreaker::new("tenant 1").failure_threshold(1),
    ];
    &TENANTS[tenant]
}

#[circuit_breaker(keyed(tenant))]
async fn by_call(tenant: usize, callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

#[tokio::test(start_paused = true)]
async fn breaker_may_be_returned_by_a_function() {
    assert_eq!(by_call(0, &Callee::answering_at(0)).await, Err(ShopError::Busy));
    assert!(by_call(0, &Callee::answering_at(1)).await.unwrap_err().is_circuit_open());
    assert_eq!(by_call(1, &Callee::answering_at(1)).await, Ok(1));
}

const STANDARD: Retry = Retry::new().attempts(2).base(millis(10)).idempotent();
const SILENT: Retry = Retry::new().attempts(2);

struct Policies;

impl Policies {
    const QUICK: Retry = Retry::new().attempts(2).base(millis(1)).non_idempotent();

    #[retry(Self::QUICK)]
    #[timeout("5s")]
    async fn associated(&self, callee: &Callee) -> Result<u32, ShopError> {
        callee.call()
    }
}

trait HasPolicy {
    const POLICY: Retry;
}

impl HasPolicy for Policies {
    const POLICY: Retry = STANDARD;
}

#[retry(STANDARD)]
#[timeout("5s")]
async fn named(callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

#[retry(more::CAREFUL, idempotent, attempts = 4, budget = BUDGET)]
#[timeout("5s")]
async fn named_and_changed(callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

#[retry(SILENT, idempotent, budget = "off")]
#[timeout("5s")]
async fn named_and_completed(callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

#[retry(policy)]
#[timeout("5s")]
async fn given(policy: Retry, callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

#[retry(T::POLICY)]
#[timeout("5s")]
async fn of_a_type_parameter<T: HasPolicy>(callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

#[retry(policy.attempts(attempts).idempotent(), base = "1ms")]
#[timeout("5s")]
async fn computed(policy: Retry, attempts: u32, callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

macro_rules! assert_calls {
    ($function:path, ($($argument:expr),*), $expected:literal) => {
        let down = Callee::answering_at(0);
        assert_eq!($function($($argument,)* &down).await, Err(ShopError::Busy));
        assert_eq!(down.calls(), $expected, stringify!($function));
    };
}

#[tokio::test(start_paused = true)]
async fn retry_policy_may_be_a_constant_argument_or_expression() {
    assert_calls!(named, (), 2);
    assert_calls!(named_and_changed, (), 4);
    assert_calls!(named_and_completed, (), 2);
    assert_calls!(given, (STANDARD.attempts(5)), 5);
    assert_calls!(of_a_type_parameter::<Policies>, (), 2);
    assert_calls!(computed, (STANDARD, 3), 3);
    assert_calls!(Policies::associated, (&Policies), 1);
}
