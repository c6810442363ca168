//! Implementations of traits: native, and by `#[async_trait]` above and below.

use std::sync::Arc;

use async_trait::async_trait;
use resilience::{CircuitBreaker, circuit_breaker, degrade, retry, timeout};
use resilience_test_support::CallError;

use super::Callee;

trait Native {
    type Id;
    const LIMIT: u32;

    async fn find(&self, id: Self::Id) -> Result<u32, CallError>;
    async fn list(&self) -> Result<Vec<u32>, CallError>;
    async fn size(&self) -> usize;
}

#[derive(Default)]
struct Store {
    callee: Callee,
}

#[retry(idempotent, base = "0s", jitter = "none")]
#[circuit_breaker(failure_threshold = 3)]
#[timeout("5s")]
impl Native for Store {
    type Id = u32;
    const LIMIT: u32 = 3;

    async fn find(&self, id: Self::Id) -> Result<u32, CallError> {
        self.callee.call("find").map(|_| id)
    }

    async fn list(&self) -> Result<Vec<u32>, CallError> {
        self.callee.call("list").map(|_| vec![Self::LIMIT])
    }

    async fn size(&self) -> usize {
        self.callee.calls("find")
    }
}

#[tokio::test(start_paused = true)]
async fn native_trait_is_supported() {
    let store = Store::default();
    store.callee.fails("find", 2);
    assert_eq!(store.find(7).await, Ok(7));
    assert_eq!(store.list().await, Ok(vec![3]));
    assert_eq!(store.size().await, 3);
    store.callee.fails("find", 3);
    assert_eq!(store.find(7).await, Err(CallError::Busy));
    assert!(store.list().await.is_err(), "the circuit is open");
    assert_eq!(store.callee.calls("list"), 1);
}

#[async_trait]
trait Dynamic: Send + Sync {
    async fn find(&self, sku: &str) -> Result<u32, CallError>;
    async fn change(&mut self, sku: String) -> Result<String, CallError>;
    async fn of_the_type(callee: &Callee) -> Result<u32, CallError>
    where
        Self: Sized;
    async fn degraded(&self) -> Result<u32, CallError>;
    async fn size(&self) -> Size;
    async fn skipped(&self) -> Result<u32, CallError>;
    fn not_async(&self) -> Result<u32, CallError>;
}

#[derive(Debug, PartialEq)]
struct Size(usize);

macro_rules! implement_dynamic {
    ($name:ident, above: $(#[$above:meta])?, below: $(#[$below:meta])?) => {
        struct $name {
            callee: Callee,
            breaker: Arc<CircuitBreaker>,
        }

        $(#[$above])?
        #[retry(idempotent, base = "0s", jitter = "none")]
        #[circuit_breaker(self.breaker)]
        #[timeout("5s")]
        $(#[$below])?
        impl Dynamic for $name {
            async fn find(&self, sku: &str) -> Result<u32, CallError> {
                self.callee.call("find").map(|call| call * 10 + u32::try_from(sku.len()).unwrap())
            }

            async fn change(&mut self, sku: String) -> Result<String, CallError> {
                self.callee.call("change")?;
                Ok(sku.clone())
            }

            #[circuit_breaker]
            async fn of_the_type(callee: &Callee) -> Result<u32, CallError> {
                callee.call("of_the_type")
            }

            #[degrade(fallback = u32::try_from(self.callee.calls("degraded")).unwrap() * 100)]
            async fn degraded(&self) -> Result<u32, CallError> {
                self.callee.call("degraded")
            }

            async fn size(&self) -> Size {
                Size(self.callee.calls("find"))
            }

            #[resilience(skip)]
            async fn skipped(&self) -> Result<u32, CallError> {
                self.callee.call("skipped")
            }

            fn not_async(&self) -> Result<u32, CallError> {
                self.callee.call("not_async")
            }
        }
    };
}

implement_dynamic!(Above, above: #[async_trait], below: );
implement_dynamic!(Below, above: , below: #[async_trait]);

macro_rules! check {
    ($name:ident) => {
        let breaker = Arc::new(CircuitBreaker::new("remote").failure_threshold(4));
        let mut remote = $name { callee: Callee::default(), breaker };
        remote.callee.fails("find", 2);
        remote.callee.fails("change", 2);
        remote.callee.fails("of_the_type", 2);
        remote.callee.fails("skipped", 1);
        remote.callee.fails("not_async", 1);
        let dynamic: &mut dyn Dynamic = &mut remote;
        assert_eq!(dynamic.find("ab").await, Ok(32));
        assert_eq!(dynamic.change("sku".to_owned()).await.as_deref(), Ok("sku"));
        assert_eq!(dynamic.size().await, Size(3));
        assert_eq!(dynamic.skipped().await, Err(CallError::Busy));
        assert_eq!(dynamic.not_async(), Err(CallError::Busy));
        assert_eq!($name::of_the_type(&remote.callee).await, Ok(3));
        remote.callee.fails("degraded", 10);
        assert_eq!(remote.degraded().await, Ok(300));
        remote.callee.fails("find", 10);
        assert_eq!(remote.find("ab").await, Err(CallError::Busy));
        assert_eq!(remote.callee.calls("find"), 4, "the fourth failure opens the circuit");
        assert!(remote.change(String::new()).await.is_err());
        assert_eq!(remote.callee.calls("change"), 3, "which is that of all methods");
    };
}

#[tokio::test(start_paused = true)]
async fn async_trait_macro_can_be_above() {
    check!(Above);
}

#[tokio::test(start_paused = true)]
async fn async_trait_macro_can_be_below() {
    check!(Below);
}
