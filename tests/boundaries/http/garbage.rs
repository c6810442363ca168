//! An answer that makes no sense is a failure of the callee: our client gets a 502, a breaker
//! counts it, and it closes no circuit.

use resilience::circuit_breaker::CircuitState;
use resilience::http::ResponseExt as _;
use resilience::{CircuitBreaker, Classify as _, circuit_breaker, degrade, millis, retry, timeout};

use super::callee::{CallError, Callee, client};

const HTML: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>";

/// What a callee that is out of order, or isn't the callee, answers.
const GARBAGE: [&str; 10] = [
    HTML,
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{]",
    "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "HTTP/1.1 501 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "HTTP/1.1 505 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "HTTP/1.1 999 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n33",
    "SSH-2.0-OpenSSH_9.6\r\n",
];

async fn read(http: &reqwest::Client, url: &str) -> Result<u32, CallError> {
    Ok(http.post(url).send().await?.checked("inventory")?.json().await?)
}

#[tokio::test]
async fn garbage_opens_the_circuit_and_is_a_502() {
    static INVENTORY: CircuitBreaker = CircuitBreaker::new("inventory").failure_threshold(3);
    #[retry(idempotent, base = "1ms")]
    #[circuit_breaker(INVENTORY)]
    #[timeout("2s")]
    async fn stock(http: &reqwest::Client, url: &str) -> Result<u32, CallError> {
        read(http, url).await
    }
    for answer in GARBAGE {
        INVENTORY.reset();
        let callee = Callee::answering(answer.into()).await;
        for _ in 0..3 {
            assert_eq!(INVENTORY.state(), CircuitState::Closed, "{answer}");
            let class = stock(&client(), &callee.url).await.unwrap_err().classify();
            assert_eq!((class.status(), class.is_retryable()), (502, false), "{answer}: {class:?}");
        }
        assert_eq!(INVENTORY.state(), CircuitState::Open, "{answer}");
    }
}

#[tokio::test]
async fn probe_that_gets_garbage_closes_no_circuit() {
    static INVENTORY: CircuitBreaker =
        CircuitBreaker::new("inventory").failure_threshold(1).recovery_timeout(millis(1));
    #[circuit_breaker(INVENTORY)]
    async fn stock(http: &reqwest::Client, url: &str) -> Result<u32, CallError> {
        read(http, url).await
    }
    let down = "HTTP/1.1 503 Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for answer in GARBAGE {
        INVENTORY.reset();
        let callee = Callee::answering(down.into()).await;
        stock(&client(), &callee.url).await.unwrap_err();
        tokio::time::sleep(millis(2)).await;
        let callee = Callee::answering(answer.into()).await;
        let error = stock(&client(), &callee.url).await.unwrap_err();
        assert_eq!(callee.received(), 1, "it was a probe");
        assert_ne!(INVENTORY.state(), CircuitState::Closed, "{answer}: {error:?}");
    }
}

#[tokio::test]
async fn fallback_replaces_garbage() {
    #[degrade(fallback = 7)]
    async fn stock(http: &reqwest::Client, url: &str) -> Result<u32, CallError> {
        read(http, url).await
    }
    for answer in GARBAGE {
        let callee = Callee::answering(answer.into()).await;
        assert_eq!(stock(&client(), &callee.url).await.unwrap(), 7, "{answer}");
    }
}

#[tokio::test]
async fn rate_limit_of_a_callee_is_not_passed_on_to_our_client() {
    let answer = "HTTP/1.1 429 Slow\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n";
    let callee = Callee::answering(answer.into()).await;
    let class = read(&client(), &callee.url).await.unwrap_err().classify();
    assert_eq!((class.code(), class.status()), ("RATE_LIMITED", 503));
    assert_eq!(class.retry_after(), Some(std::time::Duration::from_secs(9)));
}
