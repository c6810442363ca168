//! Headers of outgoing requests.

use axum::Router;
use axum::extract::Request;
use resilience::http::RequestExt as _;
use resilience::{Classify as _, RequestContext, ServiceError, request::RequestId, retry, timeout};
use resilience_test_support::Records;

#[derive(Debug, thiserror::Error, ServiceError)]
enum CallError {
    #[error(transparent)]
    #[service(transparent)]
    Http(#[from] reqwest::Error),
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] resilience::Rejected),
}

/// A server that answers with the values of the two headers.
async fn echo() -> String {
    async fn answer(request: Request) -> String {
        let all = |name| -> Vec<&str> {
            request.headers().get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
        };
        format!("{}; {}", all("x-request-id").join(","), all("idempotency-key").join(","))
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    format!("http://{address}/")
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn context() -> RequestContext {
    RequestContext::with_request_id(RequestId::parse("r-1").unwrap())
}

async fn echoed(request: reqwest::RequestBuilder) -> Result<String, CallError> {
    Ok(request.with_request_id().with_idempotency_key_if_any().send().await?.text().await?)
}

#[tokio::test]
async fn outgoing_request_carries_request_id_and_idempotency_key() {
    #[retry(idempotency_key = key, external_timeout)]
    async fn charge(url: &str, key: &str) -> Result<String, CallError> {
        echoed(client().post(url)).await
    }

    let url = echo().await;
    assert_eq!(context().scope(charge(&url, "k-7")).await.unwrap(), "r-1; k-7");
    assert_eq!(charge(&url, "k-7").await.unwrap(), "; k-7");
}

#[tokio::test]
async fn outgoing_request_outside_a_context_is_unchanged() {
    let url = echo().await;
    assert_eq!(echoed(client().get(&url)).await.unwrap(), "; ");
    assert_eq!(echoed(client().get(&url).header("x-request-id", "own")).await.unwrap(), "own; ");
    assert_eq!(context().scope(echoed(client().get(&url))).await.unwrap(), "r-1; ");
}

#[tokio::test]
async fn existing_request_id_header_is_replaced() {
    let url = echo().await;
    let request = client().get(&url).header("x-request-id", "own").with_request_id();
    assert_eq!(context().scope(echoed(request)).await.unwrap(), "r-1; ");
}

#[tokio::test]
async fn idempotency_key_unfit_for_a_header_fails_permanently() {
    #[retry(idempotency_key = key, external_timeout)]
    async fn charge(url: &str, key: &str) -> Result<String, CallError> {
        echoed(client().post(url)).await
    }

    let error = http(charge(&echo().await, "two\nlines").await);
    assert!(error.is_builder(), "{error:?}");
}

fn http(outcome: Result<String, CallError>) -> reqwest::Error {
    match outcome {
        Err(CallError::Http(error)) => error,
        other => panic!("{other:?}"),
    }
}

async fn keyed(url: &str) -> Result<String, CallError> {
    Ok(client().post(url).with_idempotency_key().send().await?.text().await?)
}

#[tokio::test]
async fn request_without_its_idempotency_key_is_not_sent() {
    #[retry(idempotent, external_timeout)]
    async fn charge(url: &str) -> Result<String, CallError> {
        keyed(url).await
    }
    #[retry(idempotency_key = order, external_timeout)]
    async fn charge_for(url: &str, order: &str) -> Result<String, CallError> {
        keyed(url).await
    }
    #[retry(idempotency_key, external_timeout)]
    async fn charge_in_a_foreign_task(url: &str) -> Result<String, CallError> {
        let url = url.to_owned();
        tokio::spawn(async move { keyed(&url).await }).await.unwrap()
    }

    let url = echo().await;
    let records = Records::capture();
    let outcomes = [
        keyed(&url).await,
        charge(&url).await,
        charge_in_a_foreign_task(&url).await,
        charge_for(&url, "").await,
    ];
    for outcome in outcomes {
        let error = http(outcome);
        assert!(error.is_builder() && !error.classify().is_retryable(), "{error:?}");
    }
    let records = records.all();
    let missing: Vec<_> = records
        .iter()
        .filter(|record| record.text("message") == "idempotency_key_missing")
        .collect();
    assert_eq!(missing.len(), 4);
    assert!(missing[0].text("help").contains("#[retry(idempotency_key)]"));
}

#[tokio::test]
async fn spawned_task_has_the_context_of_its_call() {
    #[timeout("10s")]
    #[retry(idempotency_key = key, base = "1ms")]
    #[timeout("5s")]
    async fn charge(url: &str, key: &str) -> Result<String, CallError> {
        let url = url.to_owned();
        if resilience::context().attempt() == 1 {
            return Err(resilience::Rejected::timed_out("payments", resilience::secs(1)).into());
        }
        let task = resilience::spawn(async move {
            let context = resilience::context();
            tokio::task::yield_now().await;
            assert_eq!(resilience::context(), context, "also after it has waited");
            let left = context.remaining().expect("the call has a deadline");
            assert!(left <= resilience::secs(5) && left > resilience::secs(4), "{left:?}");
            keyed(&url).await.map(|answer| format!("{} {answer}", context.attempt()))
        });
        task.await.unwrap()
    }

    let url = echo().await;
    assert_eq!(charge(&url, "k-7").await.unwrap(), "2 ; k-7");
    let outside = resilience::spawn(async { resilience::context() }).await.unwrap();
    assert_eq!((outside.idempotency_key(), outside.remaining()), (None, None));
}

#[tokio::test]
async fn attempt_that_has_started_a_task_is_not_repeated() {
    use super::callee::{Callee, refused_url};

    #[retry(non_idempotent, base = "1ms")]
    #[timeout("5s")]
    async fn charge(url: &str, refused: &str) -> Result<String, CallError> {
        let url = url.to_owned();
        drop(resilience::spawn(async move { client().post(url).send().await }));
        Ok(client().post(refused).send().await?.text().await?)
    }
    let callee = Callee::answering(b"HTTP/1.1 204 Done\r\n\r\n".to_vec()).await;
    charge(&callee.url, &refused_url().await).await.unwrap_err();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(callee.received(), 1);
}
