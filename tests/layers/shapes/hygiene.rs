//! Names of the user's that the expansion uses too: constants in lower case, and methods of traits
//! that every type implements.

#![allow(non_upper_case_globals, reason = "a pattern of that name would be the constant")]

use resilience::{
    CircuitBreakers, Flag, Rejected, Sourced, boundary, circuit_breaker, degrade, retry, secs,
    timeout,
};

use super::support::{Callee, ShopError};

macro_rules! constants {
    ($($name:ident)*) => { $(#[allow(dead_code)] const $name: u8 = 7;)* };
}

constants! {
    answer argument at boundary_ breaker breaker_handle breaker_key budget budget_handle called
    cause classify code deadline deadline_0 deadline_1 error failed find flag given key look named
    off outcome permit policy reject rejected report retry_ settled stale stale_values succeeded
    timeout_0 timeout_1 unreached value wait
}

macro_rules! every_type_has {
    ($($method:ident)*) => {
        /// Taken by value, these precede a type's own methods that take a reference.
        #[allow(dead_code, clippy::wrong_self_convention)]
        trait Everything: Sized {
            $(fn $method(self) -> u8 { 7 })*
        }

        impl<T> Everything for T {}
    };
}

every_type_has! {
    acquire acquire_static activate admit as_ref attempts begin block budget call checked classify
    clone_ connection current deadline decide done elapsed failed fallback finish fired frame get
    ignore is_current is_on judge keep key keyed longest_call name next not_shared number off pause
    place recall register_ report run says_whether_to_repeat scope serve settle settle_at share
    stale succeeded timed under user wait when
}

#[boundary]
#[degrade(fallback = 8, non_critical)]
#[timeout("30s")]
#[retry(idempotency_key, attempts = 3, base = secs(1))]
#[circuit_breaker]
#[timeout(secs(2))]
async fn everything(callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

#[degrade(fallback = 8)]
#[retry(idempotent, attempts = 2, blocking)]
#[circuit_breaker(failure_threshold = 9, ignore = |_| false)]
fn not_async(callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

#[retry(idempotent, external_timeout, rejected = ShopError::Rejected)]
#[timeout("1s", classify = |_| resilience::Classification::transient("BUSY"))]
async fn classified(callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

static PARTNERS: CircuitBreakers<str> = CircuitBreakers::new("partners");
static SWITCH: Flag = Flag::new("hygiene");

#[degrade(fallback = 8, flag = SWITCH, stale(max_age = "10m", key = partner, shared(callee)))]
#[retry(idempotent, attempts = 2, when = |_| true, retry_ok = |_| false)]
#[circuit_breaker(PARTNERS, key = partner)]
#[timeout("1s")]
async fn switched(callee: &Callee, partner: &str) -> Result<Sourced<u32>, ShopError> {
    callee.call().map(Sourced::live)
}

#[degrade(stale(max_age = "10m", key = partner, fresh = "1s", refresh = background, coalesce))]
#[timeout("1s")]
async fn refreshed(partner: &str) -> Result<usize, ShopError> {
    Ok(partner.len())
}

#[degrade(fallback = stale_too(callee).await?, alert_above = "5/1m", on = transient)]
#[timeout("1s")]
async fn with_an_alert(callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

#[degrade(stale(max_age = "10m", key = (), shared(callee)))]
#[timeout("1s")]
async fn stale_too(callee: &Callee) -> Result<u32, ShopError> {
    callee.call()
}

struct Client {
    breaker: resilience::CircuitBreaker,
    budget: resilience::RetryBudget,
}

impl Client {
    #[retry(idempotent, external_timeout, budget = self.budget)]
    #[circuit_breaker(self.breaker)]
    async fn by_field(&self, callee: &Callee) -> Result<u32, ShopError> {
        callee.call()
    }
}

#[tokio::test(start_paused = true)]
async fn users_constants_and_traits_change_nothing() {
    assert_eq!(everything(&Callee::answering_at(2)).await, Ok(2));
    assert_eq!(everything(&Callee::default()).await, Ok(8));
    assert_eq!(not_async(&Callee::answering_at(2)), Ok(2));
    assert_eq!(not_async(&Callee::default()), Ok(8));
    assert_eq!(classified(&Callee::answering_at(3)).await, Ok(3));
    assert_eq!(switched(&Callee::answering_at(2), "a").await.map(|it| *it), Ok(2));
    assert_eq!(switched(&Callee::default(), "a").await.map(|it| *it), Ok(2));
    assert_eq!(refreshed("a").await, Ok(1));
    assert_eq!(with_an_alert(&Callee::answering_at(2)).await, Ok(2));
    let client = Client {
        breaker: resilience::CircuitBreaker::new("field").failure_threshold(1),
        budget: resilience::RetryBudget::standard(),
    };
    assert!(client.by_field(&Callee::default()).await.is_err());
    let open_circuit = client.by_field(&Callee::default()).await.unwrap_err();
    assert!(matches!(open_circuit, ShopError::Rejected(Rejected::CircuitOpen { .. })));
}
