//! Which methods of a block get the layers.

use std::fmt::Display;

use resilience::{retry, timeout};
use resilience_test_support::CallError;

use super::Callee;

type CallResult<T> = Result<T, CallError>;

#[derive(Debug, PartialEq)]
struct Health(usize);

struct Page<T>(T);

#[derive(Default)]
pub(crate) struct Shop {
    callee: Callee,
}

macro_rules! generated_method {
    ($name:ident) => {
        async fn $name(&self) -> Result<u32, CallError> {
            self.callee.call(stringify!($name))
        }
    };
}

#[retry(idempotent, base = "0s", jitter = "none")]
#[timeout("5s")]
impl Shop {
    #![allow(clippy::needless_lifetimes)]

    const LIMIT: u32 = {
        const HALF: u32 = 2;
        HALF * 2
    };

    async fn find(&self) -> Result<u32, CallError> {
        self.callee.call("find")
    }

    pub(crate) async fn by_alias(&self, items: &[u32]) -> CallResult<usize> {
        self.callee.call("by_alias")?;
        Ok(items.len())
    }

    async fn generic<T: Display + Sync>(&self, value: &T) -> Result<String, CallError> {
        self.callee.call("generic")?;
        Ok(value.to_string())
    }

    async fn of_the_type(callee: &Callee) -> Result<Self, CallError> {
        callee.call("of_the_type")?;
        Ok(Self::default())
    }

    async fn by_value(self) -> Result<u32, CallError> {
        self.callee.call("by_value")
    }

    async fn mutable(&mut self) -> Result<u32, CallError> {
        self.callee.call("mutable")
    }

    /// Calls another covered method, and itself.
    async fn recursive(&self, depth: u32) -> Result<u32, CallError> {
        match depth {
            0 => self.find().await,
            _ => Box::pin(self.recursive(depth - 1)).await,
        }
    }

    #[cfg(any())]
    async fn for_another_platform(&self) -> Result<Missing, CallError> {
        self.missing()
    }

    fn not_async(&self) -> Result<u32, CallError> {
        self.callee.call("not_async")
    }

    async fn health(&self) -> Health {
        Health(self.callee.calls("find"))
    }

    async fn page<T: Clone>(&self, value: &T) -> Page<T> {
        Page(value.clone())
    }

    async fn borrowed<'a>(&'a self, text: &'a str) -> std::str::Chars<'a> {
        text.chars()
    }

    async fn count(&self) -> usize {
        self.callee.calls("find")
    }

    async fn itself(self) -> Self {
        self
    }

    async fn nothing(&self) {}

    #[resilience(skip)]
    async fn skipped(&self) -> Result<u32, CallError> {
        self.callee.call("skipped")
    }

    const fn limit() -> u32 {
        Self::LIMIT
    }

    generated_method!(generated);

    #[tracing::instrument(skip(self))]
    async fn instrumented(&self) -> Result<u32, CallError> {
        self.callee.call("instrumented")
    }
}

#[tokio::test(start_paused = true)]
async fn every_async_method_that_returns_a_result_is_covered() {
    let mut shop = Shop::default();
    for method in
        ["find", "by_alias", "generic", "of_the_type", "by_value", "mutable", "instrumented"]
    {
        shop.callee.fails(method, 2);
    }
    assert_eq!(shop.find().await, Ok(3));
    assert_eq!(shop.by_alias(&[1, 2]).await, Ok(2));
    assert_eq!(shop.generic(&7).await.as_deref(), Ok("7"));
    assert!(Shop::of_the_type(&shop.callee).await.is_ok());
    assert_eq!(shop.mutable().await, Ok(3));
    assert_eq!(shop.instrumented().await, Ok(3));
    shop.callee.fails("find", 2);
    assert_eq!(shop.recursive(3).await, Ok(6));
    assert_eq!(shop.by_value().await, Ok(3));
}

#[tokio::test(start_paused = true)]
async fn other_members_stay_as_they_are() {
    let shop = Shop::default();
    for method in ["not_async", "skipped", "generated"] {
        shop.callee.fails(method, 1);
    }
    assert_eq!(shop.not_async(), Err(CallError::Busy));
    assert_eq!(shop.skipped().await, Err(CallError::Busy));
    assert_eq!(shop.generated().await, Err(CallError::Busy), "a macro's methods can't be seen");
    assert_eq!(shop.health().await, Health(0));
    assert_eq!(shop.page(&1).await.0, 1);
    assert_eq!(shop.borrowed("ab").await.count(), 2);
    assert_eq!(shop.count().await, 0);
    shop.nothing().await;
    assert_eq!(Shop::limit(), 4);
    assert_eq!(shop.itself().await.count().await, 0);
}

#[derive(Default)]
pub(crate) struct Public {
    callee: Callee,
}

#[retry(idempotent, base = "0s", jitter = "none", pub_only)]
#[timeout("5s")]
impl Public {
    pub(crate) async fn find(&self) -> Result<u32, CallError> {
        self.helper().await
    }

    pub(super) async fn of_the_parent(&self) -> Result<u32, CallError> {
        self.helper().await
    }

    pub(self) async fn of_the_module(&self) -> Result<u32, CallError> {
        self.helper().await
    }

    async fn helper(&self) -> Result<u32, CallError> {
        self.callee.call("helper")
    }
}

#[tokio::test(start_paused = true)]
async fn private_methods_can_be_left_out() {
    let public = Public::default();
    public.callee.fails("helper", 2);
    assert_eq!(public.find().await, Ok(3));
    public.callee.fails("helper", 2);
    assert_eq!(public.of_the_parent().await, Ok(6));
    public.callee.fails("helper", 2);
    assert_eq!(public.of_the_module().await, Err(CallError::Busy));
    assert_eq!(public.helper().await, Err(CallError::Busy));
}
