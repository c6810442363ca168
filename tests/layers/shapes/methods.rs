//! Methods: every receiver.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use resilience::{circuit_breaker, degrade, retry, secs, timeout};

use super::support::{Callee, ShopError, hang, is_send};

struct Client {
    callee: Callee,
    log: Vec<u32>,
    limit: Duration,
    attempts: u32,
    default: u32,
}

impl Client {
    fn new(callee: Callee) -> Self {
        Self { callee, log: Vec::new(), limit: secs(5), attempts: 3, default: 7 }
    }

    const fn default_value(&self) -> u32 {
        self.default
    }

    #[degrade(fallback = self.default_value())]
    #[retry(idempotent, attempts = self.attempts)]
    #[timeout(self.limit)]
    async fn by_reference(&self) -> Result<u32, ShopError> {
        self.callee.call()
    }

    #[degrade(fallback = self.default_value())]
    #[retry(idempotent, attempts = self.attempts)]
    #[circuit_breaker(failure_threshold = 100)]
    #[timeout(self.limit)]
    async fn by_mutable_reference(&mut self) -> Result<u32, ShopError> {
        self.log.push(self.callee.calls());
        self.callee.call()
    }

    #[retry(idempotent, attempts = self.attempts)]
    #[timeout(self.limit)]
    async fn by_arc(self: Arc<Self>) -> Result<u32, ShopError> {
        self.callee.call()
    }

    #[retry(idempotent)]
    #[timeout("5s")]
    async fn by_borrowed_arc(self: &Arc<Self>) -> Result<usize, ShopError> {
        self.callee.call()?;
        Ok(Arc::strong_count(self))
    }

    #[timeout("5s")]
    #[circuit_breaker]
    async fn by_value(self) -> Result<Vec<u32>, ShopError> {
        Ok(self.log)
    }

    #[retry(idempotent)]
    #[timeout("5s")]
    async fn by_mutable_value(mut self) -> Result<Vec<u32>, ShopError> {
        self.log.push(self.callee.calls());
        self.callee.call()?;
        Ok(self.log.clone())
    }

    #[retry(idempotent)]
    #[timeout("5s")]
    async fn without_receiver(callee: &Callee) -> Result<Self, ShopError> {
        callee.call()?;
        Ok(Self::new(Callee::answering_at(1)))
    }

    #[retry(idempotent)]
    #[timeout("5s")]
    async fn borrow(&self, also: &str) -> Result<&[u32], ShopError> {
        self.callee.call()?;
        assert!(!also.is_empty());
        Ok(&self.log)
    }

    #[timeout("5s")]
    async fn borrow_mutably(&mut self) -> Result<&mut Vec<u32>, ShopError> {
        self.callee.call()?;
        Ok(&mut self.log)
    }

    #[retry(idempotent, base = "0s", jitter = "none", blocking)]
    fn without_async(&mut self) -> Result<usize, ShopError> {
        self.log.push(0);
        self.callee.call()?;
        Ok(self.log.len())
    }

    #[degrade(fallback = |_| { let mut log = std::mem::take(&mut self.log); log.push(1); Self { callee: Callee::default(), log, ..Self::new(Callee::default()) } })]
    #[timeout("5s")]
    async fn by_pinned_reference(mut self: Pin<&mut Self>) -> Result<Self, ShopError> {
        self.as_mut().get_mut().log.push(0);
        self.callee.call()?;
        Ok(Self::new(Callee::answering_at(1)))
    }

    #[degrade(fallback = |error: &ShopError| if matches!(error, ShopError::Busy) { return Err(ShopError::Absent) } else { 5 }, non_critical)]
    async fn fallback_that_fails(&self) -> Result<u32, ShopError> {
        self.callee.call()
    }

    #[degrade(fallback = |error| { self.log.push(99); if error.is_timed_out() { 1 } else { 2 } })]
    #[timeout("5s")]
    async fn fallback_that_changes(&mut self) -> Result<u32, ShopError> {
        self.callee.call()?;
        hang().await;
        Ok(0)
    }
}

#[tokio::test(start_paused = true)]
async fn every_receiver_is_supported() {
    let answering_at = |call| Client::new(Callee::answering_at(call));
    assert_eq!(is_send(answering_at(3).by_reference()).await, Ok(3));
    assert_eq!(answering_at(0).by_reference().await, Ok(7));

    let mut client = answering_at(2);
    assert_eq!(is_send(client.by_mutable_reference()).await, Ok(2));
    assert_eq!(client.log, [0, 1]);

    assert_eq!(is_send(Arc::new(answering_at(3)).by_arc()).await, Ok(3));
    assert_eq!(is_send(Arc::new(answering_at(3)).by_borrowed_arc()).await, Ok(1));
    assert_eq!(is_send(answering_at(1).by_value()).await, Ok(vec![]));
    assert_eq!(is_send(answering_at(2).by_mutable_value()).await, Ok(vec![0, 1]));
    assert!(Client::without_receiver(&Callee::answering_at(3)).await.is_ok());
    assert_eq!(answering_at(2).without_async(), Ok(2));
}

#[tokio::test(start_paused = true)]
async fn pinned_receiver_is_supported() {
    let mut client = Client::new(Callee::answering_at(0));
    let fallback =
        is_send(Pin::new(&mut client).by_pinned_reference()).await.expect("the fallback");
    assert_eq!(fallback.log, [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn failed_fallback_returns_the_original_error() {
    assert_eq!(
        Client::new(Callee::answering_at(0)).fallback_that_fails().await,
        Err(ShopError::Busy)
    );
}

#[tokio::test(start_paused = true)]
async fn methods_may_return_a_borrow_of_self() {
    let mut client = Client::new(Callee::answering_at(2));
    assert_eq!(client.borrow("x").await, Ok(&[][..]));
    client.callee = Callee::answering_at(1);
    client.borrow_mutably().await.expect("the first call succeeds").push(5);
    assert_eq!(client.log, [5]);
}

#[tokio::test(start_paused = true)]
async fn fallback_may_change_the_receiver() {
    let mut client = Client::new(Callee::answering_at(1));
    assert_eq!(client.fallback_that_changes().await, Ok(1));
    assert_eq!(client.fallback_that_changes().await, Ok(2));
    assert_eq!(client.log, [99, 99]);
}

struct Repository<T> {
    callee: Callee,
    row: T,
}

impl<T: Clone + Send + Sync> Repository<T> {
    #[retry(idempotent)]
    #[circuit_breaker(failure_threshold = 100)]
    #[timeout("5s")]
    async fn find(&self) -> Result<T, ShopError> {
        self.callee.call()?;
        Ok(self.row.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn method_of_a_generic_type_is_supported() {
    let repository = Repository { callee: Callee::answering_at(2), row: "row".to_owned() };
    assert_eq!(is_send(repository.find()).await.as_deref(), Ok("row"));
}
