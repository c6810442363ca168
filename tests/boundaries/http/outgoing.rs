//! Headers of outgoing requests.

use axum::Router;
use axum::extract::Request;
use resilience::http::RequestExt as _;
use resilience::{RequestContext, ServiceError, request::RequestId, retry};

#[derive(Debug, thiserror::Error, ServiceError)]
enum CallError {
    #[error(transparent)]
    #[service(transparent)]
    Http(#[from] reqwest::Error),
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
    Ok(request.with_request_id().with_idempotency_key().send().await?.text().await?)
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

    let CallError::Http(error) = charge(&echo().await, "two\nlines").await.unwrap_err();
    assert!(error.is_builder(), "{error:?}");
}
