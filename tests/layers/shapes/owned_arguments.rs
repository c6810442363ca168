//! Arguments that the body consumes: no lint takes them for ones that a reference would do for.

#![deny(clippy::all, clippy::pedantic, clippy::nursery)]
#![allow(clippy::redundant_pub_crate)]

use std::borrow::Cow;

use async_trait::async_trait;
use resilience::{
    CircuitBreaker, CircuitBreakers, RetryBudget, boundary, circuit_breaker, degrade, retry,
    timeout,
};

use super::support::{Callee, ShopError};

static PARTNERS: CircuitBreakers<str> = CircuitBreakers::new("partners");

#[boundary(operation = "owned", request_id = id, user = name)]
fn at_the_edge(id: u64, name: String) -> Result<String, ShopError> {
    let _ = id;
    Ok(name)
}

#[circuit_breaker(PARTNERS, key = partner)]
fn under_a_breaker(partner: String) -> Result<String, ShopError> {
    Ok(partner)
}

#[degrade(fallback = String::new())]
fn with_a_fallback(name: String) -> Result<String, ShopError> {
    Ok(name)
}

#[degrade(fallback = name)]
#[retry(idempotent, blocking, clone(name))]
#[circuit_breaker]
fn copied(callee: &Callee, name: String) -> Result<String, ShopError> {
    callee.call()?;
    Ok(name)
}

#[degrade(fallback = name)]
fn moved_into_the_fallback(name: String) -> Result<String, ShopError> {
    if name.is_empty() { Err(ShopError::Absent) } else { Ok(name.to_uppercase()) }
}

#[retry(idempotent, blocking, clone(mutable))]
fn mutable(callee: &Callee, mut mutable: String) -> Result<String, ShopError> {
    mutable.push('!');
    callee.call()?;
    Ok(mutable)
}

#[retry(idempotent, blocking, clone(first, second))]
fn in_a_pattern(callee: &Callee, (first, second): (String, String)) -> Result<String, ShopError> {
    callee.call()?;
    Ok(first + &second)
}

#[retry(idempotent, blocking, clone(text))]
fn generic<'a>(callee: &Callee, text: impl Into<Cow<'a, str>> + Clone) -> Result<usize, ShopError> {
    callee.call()?;
    Ok(text.into().len())
}

#[degrade(fallback = String::new())]
#[retry(idempotency_key = key, clone(key, name))]
#[circuit_breaker(PARTNERS, key = &*name)]
#[timeout("5s")]
async fn asynchronous(callee: &Callee, key: String, name: String) -> Result<String, ShopError> {
    callee.call()?;
    Ok(key + &name)
}

struct Client {
    name: String,
    breaker: CircuitBreaker,
    budget: RetryBudget,
}

impl Client {
    fn new() -> Self {
        let (breaker, budget) = (CircuitBreaker::new("owned"), RetryBudget::new());
        Self { name: "a".to_owned(), breaker, budget }
    }

    #[boundary]
    #[circuit_breaker]
    fn finish(self) -> Result<String, ShopError> {
        Ok(self.name)
    }

    #[retry(idempotent, blocking, budget = self.budget, clone(name))]
    #[circuit_breaker(self.breaker)]
    fn method(&self, callee: &Callee, name: String) -> Result<String, ShopError> {
        callee.call()?;
        Ok(name + &self.name)
    }
}

#[retry(idempotent)]
#[circuit_breaker]
#[timeout("5s")]
impl Client {
    async fn of_a_block(&self, callee: &Callee, name: &str) -> Result<String, ShopError> {
        callee.call()?;
        Ok(name.to_owned() + &self.name)
    }
}

#[async_trait]
trait Find {
    async fn find(&self, callee: &Callee, name: String) -> Result<String, ShopError>;
}

#[async_trait]
impl Find for Client {
    #[degrade(fallback = String::new())]
    #[retry(idempotent, clone(name))]
    #[circuit_breaker]
    #[timeout("5s")]
    async fn find(&self, callee: &Callee, name: String) -> Result<String, ShopError> {
        callee.call()?;
        Ok(name + &self.name)
    }
}

#[test]
fn owned_argument_of_a_function_that_is_not_async_raises_no_lint() {
    let owned = || "a".to_owned();
    assert_eq!(at_the_edge(7, owned()), Ok(owned()));
    assert_eq!(under_a_breaker(owned()), Ok(owned()));
    assert_eq!(with_a_fallback(owned()), Ok(owned()));
    assert_eq!(moved_into_the_fallback(owned()), Ok("A".to_owned()));
    assert_eq!(Client::new().finish(), Ok(owned()));
    let callee = || Callee::answering_at(1);
    assert_eq!(copied(&callee(), owned()), Ok(owned()));
    assert_eq!(mutable(&callee(), owned()), Ok("a!".to_owned()));
    assert_eq!(in_a_pattern(&callee(), (owned(), owned())), Ok("aa".to_owned()));
    assert_eq!(generic(&callee(), "a"), Ok(1));
    assert_eq!(Client::new().method(&callee(), owned()), Ok("aa".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn owned_argument_of_an_async_function_raises_no_lint() {
    let (owned, callee) = (|| "a".to_owned(), || Callee::answering_at(2));
    assert_eq!(asynchronous(&callee(), owned(), owned()).await, Ok("aa".to_owned()));
    assert_eq!(Client::new().of_a_block(&callee(), "a").await, Ok("aa".to_owned()));
    assert_eq!(Client::new().find(&callee(), owned()).await, Ok("aa".to_owned()));
}
