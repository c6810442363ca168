//! Probes of a half-open breaker, made by annotated functions.

use std::pin::pin;
use std::sync::Arc;

use resilience::{CircuitBreaker, circuit_breaker, circuit_breaker::CircuitState, millis, secs};
use resilience_test_support::{Answer, CallError, poll_once};

use super::{Client, breaker, fail, half_open};

#[tokio::test(start_paused = true)]
async fn canceled_probe_of_an_annotated_function_releases_its_slot() {
    let client = Client::new(breaker(), [Answer::Hang]);
    half_open(&client).await;
    {
        let mut probe = pin!(client.alone());
        assert!(poll_once(probe.as_mut()).is_pending());
        assert_eq!(client.breaker.state(), CircuitState::HalfOpen);
        assert!(client.alone().await.is_err(), "the slot is taken");
    }
    assert_eq!(client.alone().await, Ok(2));
    assert_eq!(client.breaker.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn panicking_probe_of_an_annotated_function_releases_its_slot() {
    let client = Arc::new(Client::new(breaker(), [Answer::Panic]));
    half_open(&client).await;
    let probe = Arc::clone(&client);
    assert!(tokio::spawn(async move { probe.alone().await }).await.unwrap_err().is_panic());
    assert_eq!(client.alone().await, Ok(2));
    assert_eq!(client.breaker.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn hanging_probe_is_given_up_after_its_lease() {
    let client = Client::new(breaker(), [Answer::Hang]);
    half_open(&client).await;
    let mut probe = pin!(client.alone());
    assert!(poll_once(probe.as_mut()).is_pending());
    tokio::time::advance(millis(29_999)).await;
    assert!(client.alone().await.is_err());
    assert_eq!(client.breaker.state(), CircuitState::HalfOpen);
    tokio::time::advance(millis(1)).await;
    assert!(client.alone().await.is_err());
    assert_eq!(client.breaker.state(), CircuitState::Open);
    tokio::time::advance(secs(30)).await;
    assert_eq!(client.alone().await, Ok(2));
    assert_eq!(client.breaker.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn probe_rejected_by_an_inner_breaker_releases_its_slot() {
    struct Nested {
        outer: CircuitBreaker,
        inner: CircuitBreaker,
    }
    impl Nested {
        #[circuit_breaker(self.outer)]
        async fn call(&self) -> Result<u32, CallError> {
            self.dependency().await
        }
        #[circuit_breaker(self.inner)]
        async fn dependency(&self) -> Result<u32, CallError> {
            Ok(1)
        }
    }
    let nested = Nested { outer: breaker(), inner: CircuitBreaker::new("inner") };
    for _ in 0..3 {
        fail(&nested.outer);
    }
    tokio::time::advance(secs(30)).await;
    nested.inner.force_open();
    for _ in 0..10 {
        let Err(CallError::Rejected(rejected)) = nested.call().await else {
            panic!("the inner breaker is open")
        };
        assert_eq!(rejected.service(), "inner");
        assert_eq!(nested.outer.state(), CircuitState::HalfOpen);
    }
    nested.inner.reset();
    assert_eq!(nested.call().await, Ok(1));
    assert_eq!(nested.outer.state(), CircuitState::Closed);
}

/// `try_join!` drops the probe as soon as the call beside it is rejected.
#[tokio::test(start_paused = true)]
async fn joined_calls_let_the_breaker_recover() {
    let client = Client::new(breaker(), (0..100).map(|_| Answer::After(millis(10), Ok(1))));
    half_open(&client).await;
    let mut rounds = 0;
    while tokio::try_join!(client.alone(), client.alone(), client.alone()).is_err() {
        rounds += 1;
        assert!(rounds < 5, "{:?}", client.breaker.state());
    }
    assert_eq!(client.breaker.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn half_open_breaker_admits_exactly_the_probes_of_a_thousand_calls() {
    for probes in [1, 3] {
        let answers = (0..1000).map(|_| Answer::After(millis(10), Ok(1)));
        let client = Arc::new(Client::new(breaker().probes(probes), answers));
        half_open(&client).await;
        let callers: Vec<_> = (0..1000)
            .map(|_| {
                let client = Arc::clone(&client);
                tokio::spawn(async move { client.alone().await })
            })
            .collect();
        let mut answered = 0;
        for caller in callers {
            answered += u32::from(caller.await.expect("no caller panics").is_ok());
        }
        assert_eq!((answered, client.script.calls()), (probes, probes));
        assert_eq!(client.breaker.state(), CircuitState::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn nested_calls_on_one_breaker_let_it_recover() {
    one_dependency::recovers(breaker()).await;
    one_dependency::recovers(breaker().probes(3)).await;
}

mod one_dependency {
    use super::{Arc, CallError, CircuitBreaker, CircuitState, circuit_breaker, fail, secs};

    #[circuit_breaker(breaker)]
    async fn all(breaker: &Arc<CircuitBreaker>) -> Result<u32, CallError> {
        Ok(some(breaker).await? + some(breaker).await?)
    }

    #[circuit_breaker(breaker)]
    async fn some(breaker: &Arc<CircuitBreaker>) -> Result<u32, CallError> {
        one(breaker).await
    }

    #[circuit_breaker(breaker)]
    async fn one(breaker: &Arc<CircuitBreaker>) -> Result<u32, CallError> {
        let _ = breaker;
        Ok(1)
    }

    pub(super) async fn recovers(breaker: CircuitBreaker) {
        let breaker = Arc::new(breaker);
        for _ in 0..3 {
            fail(&breaker);
        }
        tokio::time::advance(secs(30)).await;
        let mut calls = 0;
        while all(&breaker).await.is_err() {
            calls += 1;
            assert!(calls < 5, "the callee works, and the circuit is {}", breaker.state());
        }
        assert_eq!(breaker.state(), CircuitState::Closed);
    }
}
