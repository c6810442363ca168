//! Methods of traits: native, and by `#[async_trait]`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use resilience::{CircuitBreaker, circuit_breaker, degrade, retry, secs, timeout};

use super::support::{Callee, ShopError, hang, is_send};

trait Native {
    async fn find(&self, callee: &Callee) -> Result<u32, ShopError>;

    #[retry(idempotent)]
    #[timeout("5s")]
    async fn find_by_default(&self, callee: &Callee) -> Result<u32, ShopError> {
        callee.call()
    }

    #[retry(idempotent, base = "0s", jitter = "none", blocking)]
    fn find_without_async(&self, callee: &Callee) -> Result<u32, ShopError> {
        callee.call()
    }
}

trait WithSend {
    fn find(&self, callee: &Callee) -> impl Future<Output = Result<u32, ShopError>> + Send;
}

struct Store {
    limit: Duration,
}

impl Native for Store {
    #[retry(idempotent)]
    #[timeout(self.limit)]
    async fn find(&self, callee: &Callee) -> Result<u32, ShopError> {
        callee.call()
    }
}

impl WithSend for Store {
    #[degrade(fallback = 0)]
    #[retry(idempotent)]
    #[circuit_breaker]
    #[timeout(self.limit)]
    async fn find(&self, callee: &Callee) -> Result<u32, ShopError> {
        callee.call()
    }
}

#[tokio::test(start_paused = true)]
async fn native_async_trait_methods_are_supported() {
    let store = Store { limit: secs(1) };
    assert_eq!(Native::find(&store, &Callee::answering_at(2)).await, Ok(2));
    assert_eq!(store.find_by_default(&Callee::answering_at(3)).await, Ok(3));
    assert_eq!(store.find_without_async(&Callee::answering_at(3)), Ok(3));
    assert_eq!(is_send(WithSend::find(&store, &Callee::answering_at(2))).await, Ok(2));
}

#[async_trait]
trait Dynamic: Send + Sync {
    async fn by_reference(&self, callee: &Callee) -> Result<u32, ShopError>;
    async fn by_mutable_reference(&mut self, callee: &Callee) -> Result<u32, ShopError>;
    async fn owned(&self, text: String) -> Result<String, ShopError>;
    async fn generic<T: Send + Sync + Copy + 'static>(
        &self,
        callee: &Callee,
        value: T,
    ) -> Result<T, ShopError>
    where
        Self: Sized;
    async fn borrowed<'a>(&'a self, text: &'a str) -> Result<&'a str, ShopError>;
    async fn of_the_type(callee: &Callee) -> Result<u32, ShopError>
    where
        Self: Sized;

    #[retry(idempotent)]
    #[timeout("5s")]
    async fn by_default(&self, callee: &Callee) -> Result<u32, ShopError> {
        callee.call()
    }
}

struct Remote {
    breaker: Arc<CircuitBreaker>,
    limit: Duration,
    attempts: u32,
    seen: Vec<u32>,
}

impl Remote {
    fn new() -> Self {
        let breaker = Arc::new(CircuitBreaker::new("remote").failure_threshold(2));
        Self { breaker, limit: secs(1), attempts: 3, seen: Vec::new() }
    }
}

#[async_trait]
impl Dynamic for Remote {
    #[degrade(fallback = self.attempts + 100)]
    #[retry(idempotent, attempts = self.attempts)]
    #[circuit_breaker(self.breaker)]
    #[timeout(self.limit)]
    async fn by_reference(&self, callee: &Callee) -> Result<u32, ShopError> {
        callee.call()
    }

    #[degrade(fallback = { self.seen.push(7); 0 })]
    #[retry(idempotent)]
    #[circuit_breaker(self.breaker)]
    #[timeout(self.limit)]
    async fn by_mutable_reference(&mut self, callee: &Callee) -> Result<u32, ShopError> {
        self.seen.push(callee.calls());
        if callee.calls() > 10 {
            return Err(ShopError::Absent);
        }
        callee.call()
    }

    #[timeout(self.limit)]
    async fn owned(&self, text: String) -> Result<String, ShopError> {
        if text.is_empty() {
            hang().await;
        }
        Ok(text)
    }

    #[retry(idempotent)]
    #[timeout("5s")]
    async fn generic<T: Send + Sync + Copy + 'static>(
        &self,
        callee: &Callee,
        value: T,
    ) -> Result<T, ShopError> {
        callee.call()?;
        Ok(value)
    }

    #[retry(idempotent)]
    #[timeout("5s")]
    async fn borrowed<'a>(&'a self, text: &'a str) -> Result<&'a str, ShopError> {
        Ok(text.trim())
    }

    #[retry(idempotent)]
    #[timeout("5s")]
    async fn of_the_type(callee: &Callee) -> Result<u32, ShopError> {
        callee.call()
    }
}

#[tokio::test(start_paused = true)]
async fn async_trait_macro_methods_are_supported() {
    let mut remote = Remote::new();
    {
        let remote: &dyn Dynamic = &remote;
        assert_eq!(is_send(remote.by_reference(&Callee::answering_at(2))).await, Ok(2));
        assert_eq!(remote.owned("text".to_owned()).await.as_deref(), Ok("text"));
        assert!(remote.owned(String::new()).await.unwrap_err().is_timed_out());
        assert_eq!(remote.by_default(&Callee::answering_at(3)).await, Ok(3));
        assert_eq!(remote.borrowed(" x ").await, Ok("x"));
    }
    assert_eq!(remote.generic(&Callee::answering_at(2), 'x').await, Ok('x'));
    assert_eq!(Remote::of_the_type(&Callee::answering_at(2)).await, Ok(2));

    assert_eq!(remote.by_mutable_reference(&Callee::answering_at(2)).await, Ok(2));
    assert_eq!(remote.seen, [0, 1]);
    let down = Callee::answering_at(0);
    assert_eq!(remote.by_mutable_reference(&down).await, Ok(0));
    assert_eq!(
        (&remote.seen[2..], down.calls()),
        (&[0, 1, 7][..], 2),
        "the second failure opens the circuit"
    );
    assert_eq!(remote.by_reference(&down).await, Ok(103), "which is the same circuit");
    assert_eq!(down.calls(), 2);
}
