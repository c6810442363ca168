use resilience::errors::ServiceUnavailable;
use resilience::testing::{Recorder, Script, isolated};
use resilience::{
    CircuitBreaker, Rejected, ServiceError, circuit_breaker, degrade, retry, timeout,
};

#[derive(Debug, thiserror::Error, ServiceError)]
enum StockError {
    #[error(transparent)]
    #[service(transparent)]
    Unavailable(#[from] ServiceUnavailable),
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] Rejected),
}

static INVENTORY: CircuitBreaker = CircuitBreaker::new("inventory");

#[degrade(fallback = 1)]
#[retry(idempotent, attempts = 4)]
#[circuit_breaker(INVENTORY)]
#[timeout("2s")]
async fn stock(inventory: &Script<u32, StockError>) -> Result<u32, StockError> {
    inventory.call().await
}

#[tokio::test(start_paused = true)]
#[isolated]
async fn slow_and_failing_inventory_is_retried() {
    let log = Recorder::start();
    let inventory = Script::named("inventory").fails(2).hangs().answers(7);

    assert_eq!(stock(&inventory).await.unwrap(), 7);
    inventory.assert_calls(4);
    log.assert_retried(3);
    log.assert_not_opened("inventory");
}

#[tokio::test(start_paused = true)]
#[isolated]
async fn outage_opens_the_circuit_and_degrades() {
    let log = Recorder::start();
    let inventory = Script::named("inventory").fails(1).forever();

    for _ in 0..3 {
        assert_eq!(stock(&inventory).await.unwrap(), 1);
    }
    inventory.assert_calls(5); // then the circuit is open
    log.assert_opened("inventory");
    log.assert_degraded("stock");
}

#[tokio::test(start_paused = true)]
#[isolated]
async fn open_circuit_spares_the_inventory() {
    INVENTORY.force_open();
    let inventory = Script::named("inventory").answers(7);

    assert_eq!(stock(&inventory).await.unwrap(), 1);
    inventory.assert_calls(0);
}
