//! `#[retry(non_idempotent)]` never repeats what a callee has received, no matter how it answers.

use proptest::prelude::*;
use resilience::http::{ClientBuilderExt as _, ResponseExt as _};
use resilience::{retry, timeout};

use super::callee::{CallError, Callee, client, refused_url};

#[retry(non_idempotent, attempts = 3, base = "1ms", budget = "off")]
#[timeout("2s")]
async fn charge(http: &reqwest::Client, url: &str) -> Result<String, CallError> {
    Ok(http.post(url).body("100 EUR").send().await?.checked("payments")?.text().await?)
}

#[retry(non_idempotent, attempts = 3, base = "1ms", budget = "off")]
#[timeout("2s")]
async fn charge_and_tell(
    http: &reqwest::Client,
    url: &str,
    refused: &str,
) -> Result<(), CallError> {
    http.post(url).body("100 EUR").send().await?.checked("payments")?;
    http.post(refused).send().await?.checked("mail")?;
    Ok(())
}

/// The library sees neither answer.
#[retry(non_idempotent, attempts = 3, base = "1ms", budget = "off")]
#[timeout("2s")]
async fn charge_and_tell_unseen(
    http: &reqwest::Client,
    url: &str,
    refused: &str,
) -> Result<(), CallError> {
    http.post(url).body("100 EUR").send().await?.error_for_status()?;
    http.post(refused).send().await?.error_for_status()?;
    Ok(())
}

/// The same behind a function that isn't annotated.
#[retry(non_idempotent, attempts = 3, base = "1ms", budget = "off")]
#[timeout("2s")]
async fn charge_and_tell_elsewhere(
    http: &reqwest::Client,
    url: &str,
    refused: &str,
) -> Result<(), CallError> {
    async fn both(http: &reqwest::Client, url: &str, refused: &str) -> Result<(), CallError> {
        http.post(url).body("100 EUR").send().await?.checked("payments")?;
        http.post(refused).send().await?.error_for_status()?;
        Ok(())
    }
    both(http, url, refused).await
}

/// Anything that a callee may answer: redirects to anywhere, garbage, half an answer.
fn answers(refused: String) -> impl Strategy<Value = Vec<u8>> {
    let location = prop_oneof![
        Just(refused.clone()),
        Just(refused.replace("127.0.0.1", "localhost")),
        Just("/again".to_owned()),
        Just("http://does-not-exist.invalid/".to_owned()),
        Just("https://127.0.0.1/".to_owned()),
        Just("ftp://127.0.0.1/".to_owned()),
        Just("http://[::1]:1/".to_owned()),
        "[ -~]{0,20}",
    ];
    let head = (100_u16..1000, location, prop_oneof![Just(0_usize), 0_usize..60]).prop_map(
        |(status, location, length)| {
            format!(
                "HTTP/1.1 {status} Any\r\nLocation: {location}\r\nRetry-After: 0\r\n\
                 Content-Length: {length}\r\nConnection: close\r\n\r\n"
            )
        },
    );
    let redirect = (prop_oneof![Just(301_u16), Just(302), Just(303), Just(307), Just(308)],)
        .prop_map(move |(status,)| {
            format!(
                "HTTP/1.1 {status} Away\r\nLocation: {refused}\r\nContent-Length: 0\r\n\
                 Connection: close\r\n\r\n"
            )
        });
    let body = prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        2 => redirect.prop_map(String::into_bytes),
        3 => (head, body.clone()).prop_map(|(head, body)| [head.into_bytes(), body].concat()),
        1 => body,
    ]
}

#[test]
fn non_idempotent_request_is_received_at_most_once_whatever_the_answer() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let refused = runtime.block_on(refused_url());
    let without = reqwest::Client::builder().no_proxy().without_redirects().build().unwrap();
    let http = client();
    let config = ProptestConfig { cases: 150, failure_persistence: None, ..Default::default() };
    proptest!(config, |(answer in answers(refused.clone()), without_redirects: bool, how in 0..4)| {
        let http = if without_redirects { &without } else { &http };
        let received = runtime.block_on(async {
            let callee = Callee::answering(answer.clone()).await;
            let _ = match how {
                0 => charge(http, &callee.url).await.map(drop),
                1 => charge_and_tell(http, &callee.url, &refused).await,
                2 => charge_and_tell_unseen(http, &callee.url, &refused).await,
                _ => charge_and_tell_elsewhere(http, &callee.url, &refused).await,
            };
            callee.received()
        });
        // reqwest itself sends the request again to where a redirect leads, ten times at most.
        let follows = !without_redirects && leads_back(&answer);
        prop_assert!(received == 1 || follows && received <= 11, "received {received} times");
    });
}

/// Whether an answer may be a redirect to the callee itself: a relative location, even an empty one.
fn leads_back(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let location = text.lines().find_map(|line| line.strip_prefix("Location:"));
    text.starts_with("HTTP/1.1 3") && location.is_some_and(|location| !location.contains("://"))
}

#[tokio::test]
async fn refused_request_is_tried_again() {
    #[retry(non_idempotent, attempts = 200, base = "1ms", max_delay = "5ms", budget = "off")]
    #[timeout("2s")]
    async fn patient(http: &reqwest::Client, url: &str) -> Result<String, CallError> {
        Ok(http.post(url).send().await?.checked("payments")?.text().await?)
    }

    let refused = refused_url().await;
    let address = refused.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let later = tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        axum::serve(listener, axum::Router::new().fallback(async || "charged")).await
    });
    assert_eq!(patient(&client(), &refused).await.unwrap(), "charged");
    later.abort();
}
