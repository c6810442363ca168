//! Mocks of mockall: of a trait whose implementation has the attributes, and of a type's own
//! methods.

use async_trait::async_trait;
use mockall::{automock, mock};
use resilience::{circuit_breaker, degrade, retry, timeout};

use super::support::{Callee, ShopError};

/// What the attributes need isn't on the trait, so that it can be mocked.
#[automock]
trait Inventory {
    async fn stock(&self, sku: &str) -> Result<u32, ShopError>;
}

#[automock]
#[async_trait]
trait Prices {
    async fn price(&self, sku: &str) -> Result<u32, ShopError>;
}

struct Client {
    callee: Callee,
}

impl Inventory for Client {
    #[retry(idempotent)]
    #[circuit_breaker]
    #[timeout("5s")]
    async fn stock(&self, _: &str) -> Result<u32, ShopError> {
        self.callee.call()
    }
}

#[retry(idempotent)]
#[timeout("5s")]
#[async_trait]
impl Prices for Client {
    async fn price(&self, _: &str) -> Result<u32, ShopError> {
        self.callee.call()
    }
}

impl Client {
    #[retry(idempotent)]
    #[timeout("5s")]
    async fn ping(&self) -> Result<u32, ShopError> {
        self.callee.call()
    }
}

mock! {
    Client {
        async fn ping(&self) -> Result<u32, ShopError>;
    }

    impl Inventory for Client {
        async fn stock(&self, sku: &str) -> Result<u32, ShopError>;
    }

    #[async_trait]
    impl Prices for Client {
        async fn price(&self, sku: &str) -> Result<u32, ShopError>;
    }
}

/// What is tested with a mock: its own layers stay.
struct Shop<I> {
    inventory: I,
}

impl<I: Inventory> Shop<I> {
    #[degrade(fallback = 0)]
    #[retry(idempotent, attempts = 3)]
    #[timeout("5s")]
    async fn available(&self, sku: &str) -> Result<u32, ShopError> {
        self.inventory.stock(sku).await
    }
}

#[tokio::test(start_paused = true)]
async fn real_implementation_keeps_its_layers() {
    let client = || Client { callee: Callee::answering_at(2) };
    assert_eq!(client().stock("a").await, Ok(2));
    assert_eq!(client().price("a").await, Ok(2));
    assert_eq!(client().ping().await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn mock_of_a_trait_is_called_by_each_attempt() {
    let mut inventory = MockInventory::new();
    let mut answers = [Err(ShopError::Busy), Ok(7)].into_iter();
    let answer = move |_: &str| answers.next().expect("only two calls");
    inventory.expect_stock().times(2).returning(answer);
    assert_eq!(Shop { inventory }.available("a").await, Ok(7));

    let mut inventory = MockInventory::new();
    inventory.expect_stock().times(3).returning(|_| Err(ShopError::Busy));
    assert_eq!(Shop { inventory }.available("a").await, Ok(0));
}

#[tokio::test(start_paused = true)]
async fn mock_of_a_type_has_no_layers() {
    let mut client = MockClient::new();
    client.expect_ping().once().returning(|| Err(ShopError::Busy));
    client.expect_stock().once().returning(|_| Err(ShopError::Busy));
    client.expect_price().once().returning(|_| Err(ShopError::Busy));
    assert_eq!(client.ping().await, Err(ShopError::Busy));
    assert_eq!(client.stock("a").await, Err(ShopError::Busy));
    assert_eq!(client.price("a").await, Err(ShopError::Busy));

    let mut prices = MockPrices::new();
    prices.expect_price().once().returning(|_| Ok(9));
    assert_eq!(prices.price("a").await, Ok(9));
}
