//! Real responses and failures, as reqwest reports them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use resilience::http::{ClientBuilderExt as _, ResponseExt as _};
use resilience::{
    Advice, Category, Classification, Classify, Rejected, Sent, ServiceError, Severity, degrade,
    retry, taxonomy::Evidence, timeout,
};
use resilience_test_support::Events;

/// A server that answers one connection with these bytes, and closes it.
fn answer(bytes: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).unwrap() > 0);
        stream.write_all(bytes.as_bytes()).unwrap();
    });
    url(address)
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}/token-4711")
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn body(url: String) -> Result<String, reqwest::Error> {
    client().get(url).send().await?.text().await
}

#[tokio::test]
async fn error_status_keeps_status_and_retry_after() {
    let url = answer("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
    let error = client().get(url).send().await.unwrap().checked("inventory").unwrap_err();
    assert_eq!((error.service(), error.status()), ("inventory", 503));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    assert_eq!(error.classify().retry_after(), Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn retry_after_date_is_relative_to_the_response_date() {
    let url = answer(
        "HTTP/1.1 429 Slow\r\nDate: Fri, 31 Dec 1999 23:59:00 GMT\r\n\
         Retry-After: Fri, 31 Dec 1999 23:59:30 GMT\r\nContent-Length: 0\r\n\r\n",
    );
    let error = client().get(url).send().await.unwrap().checked("inventory").unwrap_err();
    assert_eq!(
        (error.classify().code(), error.retry_after()),
        ("RATE_LIMITED", Some(Duration::from_secs(30)))
    );
}

#[tokio::test]
async fn success_and_unmodified_statuses_pass_the_check() {
    for status in ["200 OK", "204 No Content", "304 Not Modified"] {
        let text = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").leak();
        let response = client().get(answer(text)).send().await.unwrap().checked("inventory");
        assert!(response.is_ok(), "{status}");
    }
}

#[tokio::test]
async fn refused_connection_was_never_sent() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let is = body(url(address)).await.unwrap_err().classify();
    assert_eq!((is.code(), is.status(), is.sent()), ("CONNECT_FAILED", 503, Sent::Never));
    assert!(is.is_retryable());
}

#[tokio::test]
async fn refused_connection_by_name_was_never_sent() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let is = body(format!("http://localhost:{port}/")).await.unwrap_err().classify();
    assert_eq!((is.code(), is.sent()), ("CONNECT_FAILED", Sent::Never));
}

/// A server that answers each request with these bytes, for as long as the test runs.
fn answers(bytes: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            if stream.read(&mut request).is_ok_and(|read| read > 0) {
                let _ = stream.write_all(bytes.as_bytes());
            }
        }
    });
    url(address)
}

#[tokio::test]
async fn request_behind_a_redirect_may_have_been_sent() {
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for status in [301, 302, 303, 307, 308] {
        for target in [
            format!("http://{dead}/"),
            format!("http://localhost:{}/", dead.port()),
            "http://does-not-exist.invalid/".to_owned(),
            "https://127.0.0.1/".to_owned(),
            "http://[::1]:1/".to_owned(),
        ] {
            let answer = format!(
                "HTTP/1.1 {status} Away\r\nLocation: {target}\r\nContent-Length: 0\r\n\
                 Connection: close\r\n\r\n"
            );
            let error = client().post(answers(answer.leak())).body("100 EUR").send().await;
            let is = error.unwrap_err().classify();
            assert_eq!(is.sent(), Sent::Maybe, "{status} {target}: {is:?}");
        }
    }
}

/// Its DNS server doesn't answer the second time.
#[tokio::test]
async fn name_that_is_not_found_may_be_behind_a_redirect() {
    let is = body("http://does-not-exist.invalid/".into()).await.unwrap_err().classify();
    assert_eq!((is.code(), is.sent()), ("CONNECT_FAILED", Sent::Maybe));
    assert!(is.is_retryable());
}

#[tokio::test]
async fn failed_connection_without_redirects_was_never_sent() {
    let http = reqwest::Client::builder().no_proxy().without_redirects().build().unwrap();
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for target in [url(dead), "http://does-not-exist.invalid/".to_owned()] {
        let error = http.post(&target).send().await.unwrap_err();
        assert!(error.is_connect(), "{error:?}");
        let is = error.classify();
        assert_eq!((is.code(), is.sent()), ("CONNECT_FAILED", Sent::Never), "{target}");
    }
    let away =
        answer("HTTP/1.1 303 Away\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
    let error = http.post(away).send().await.unwrap().checked("payments").unwrap_err();
    assert_eq!(error.classify().code(), "UPSTREAM_UNEXPECTED_STATUS");
}

#[tokio::test]
async fn url_that_needs_tls_without_it_is_permanent() {
    let error = body("https://127.0.0.1:1/".into()).await.unwrap_err();
    assert_eq!(error.classify(), Classification::permanent("TLS_NOT_SUPPORTED"), "{error:?}");
}

/// What makes no sense.
fn unusable(code: &'static str) -> Classification {
    Classification::transient_with(code, Advice::DoNotRetry)
        .with_status(502)
        .with_severity(Severity::Unexpected)
}

#[tokio::test]
async fn answer_that_is_not_http_is_a_failure_of_the_callee_and_not_retried() {
    for bytes in [
        "SSH-2.0-OpenSSH_9.6\r\n",
        "220 mail ESMTP\r\n",
        "<html>",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nNo header\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ] {
        let error = body(answer(bytes)).await.unwrap_err();
        assert_eq!(error.classify(), unusable("UPSTREAM_INVALID_RESPONSE"), "{bytes:?} {error:?}");
    }
}

#[tokio::test]
async fn redirect_that_is_not_followed_fails_the_check() {
    for status in ["300 Choose", "302 Found", "305 Proxy", "399 Odd"] {
        let text = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").leak();
        let error = client().get(answer(text)).send().await.unwrap().checked("a").unwrap_err();
        assert_eq!(error.classify(), unusable("UPSTREAM_UNEXPECTED_STATUS"), "{status}");
    }
}

#[tokio::test]
async fn slow_answer_is_a_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let request =
        client().get(url(listener.local_addr().unwrap())).timeout(Duration::from_millis(50));
    let is = request.send().await.unwrap_err().classify();
    assert_eq!(is, Classification::transient("NETWORK_TIMEOUT"));
}

#[tokio::test]
async fn broken_connection_is_transient() {
    let broken = [
        "",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    ];
    for bytes in broken {
        let error = body(answer(bytes)).await.unwrap_err();
        assert_eq!(
            error.classify(),
            Classification::transient("CONNECTION_LOST"),
            "{bytes:?}: {error:?}"
        );
    }
    let url = answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"short");
    let error = client().get(url).send().await.unwrap().json::<Vec<u8>>().await.unwrap_err();
    assert_eq!(error.classify().code(), "CONNECTION_LOST", "{error:?}");
}

#[tokio::test]
async fn undecodable_body_is_a_failure_of_the_callee_and_not_retried() {
    let url = answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{]");
    let error = client().get(url).send().await.unwrap().json::<Vec<u8>>().await.unwrap_err();
    assert_eq!(error.classify(), unusable("UPSTREAM_INVALID_RESPONSE"));
}

#[tokio::test]
async fn error_for_status_is_classified() {
    for (status, code) in
        [(404, "UPSTREAM_CLIENT_ERROR"), (502, "SERVICE_UNAVAILABLE"), (429, "RATE_LIMITED")]
    {
        let text = format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n").leak();
        let error =
            client().get(answer(text)).send().await.unwrap().error_for_status().unwrap_err();
        assert_eq!(error.classify().code(), code);
    }
}

#[tokio::test]
async fn too_many_redirects_are_a_failure_of_the_callee_and_not_retried() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = url(listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            assert!(stream.read(&mut request).unwrap() > 0);
            let bytes = b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            stream.write_all(bytes).unwrap();
        }
    });
    let error = body(url).await.unwrap_err();
    assert_eq!(error.classify(), unusable("UPSTREAM_INVALID_RESPONSE"), "{error:?}");
}

#[tokio::test]
async fn request_that_cannot_be_built_is_permanent() {
    let error = body("not a url".into()).await.unwrap_err();
    assert_eq!(error.classify().category(), Some(Category::Permanent));
    assert_eq!(error.classify().status(), 500);
}

#[tokio::test]
async fn clients_never_see_the_url() {
    let error = body(answer("")).await.unwrap_err();
    assert!(error.to_string().contains("token-4711"), "{error}");
    assert_eq!(error.public_message(), "The service is temporarily unavailable");
    let boxed: Box<dyn std::error::Error + Send + Sync> = error.into();
    assert_eq!(boxed.classify().code(), "CONNECTION_LOST");
    assert_eq!(boxed.public_message(), "The service is temporarily unavailable");
    assert!(boxed.source().is_some());
}

#[derive(Debug, thiserror::Error, ServiceError)]
enum StockError {
    #[error("no stock: {0} ({0:?})")]
    #[service(transparent)]
    Http(#[from] reqwest::Error),
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] Rejected),
}

/// A call whose URL has more than a host.
async fn stock(host: SocketAddr) -> Result<String, StockError> {
    let url = format!("http://ada:hunter2@{host}/stock/4711?token=s3cret#part");
    Ok(client().get(url).send().await?.error_for_status()?.text().await?)
}

#[tokio::test]
async fn events_show_only_the_host_of_a_url() {
    #[degrade(fallback = fallback(host).await?)]
    #[retry(idempotent, attempts = 2, base = "1ms", max_delay = "2ms")]
    #[timeout("10s")]
    async fn by_itself(host: SocketAddr) -> Result<String, StockError> {
        stock(host).await
    }

    async fn fallback(host: SocketAddr) -> Result<String, StockError> {
        stock(host).await
    }

    #[retry(idempotent, attempts = 2, base = "1ms", max_delay = "2ms", external_timeout, classify = by_hand, rejected = |rejected| StockError::Rejected(rejected))]
    async fn foreign(host: SocketAddr) -> Result<String, StockError> {
        stock(host).await
    }

    fn by_hand(_: &StockError) -> Classification {
        Classification::transient("BUSY")
    }

    let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let events = Events::capture();
    by_itself(host).await.unwrap_err();
    foreign(host).await.unwrap_err();

    let said = events.all();
    let names: Vec<&str> = said.iter().map(|event| event.name.as_str()).collect();
    let expected = [
        "retry_scheduled",
        "retry_stopped",
        "graceful_degradation_activated",
        "degradation_failed",
        "retry_scheduled",
        "retry_stopped",
    ];
    assert_eq!(names, expected);
    for event in &said {
        let error = format!("{}{}", event.field("error"), event.field("fallback_error"));
        assert!(error.contains(&format!("for url (http://{host})")), "{error}");
        for hidden in ["hunter2", "ada", "4711", "stock/", "token", "s3cret", "part"] {
            assert!(!error.contains(hidden), "{hidden}: {event:?}");
        }
    }
}

#[tokio::test]
async fn unclassified_error_event_shows_only_the_host_of_a_url() {
    #[retry(idempotent, attempts = 2, external_timeout, classify = |_| Classification::unclassified())]
    async fn unknown(url: &str) -> Result<String, reqwest::Error> {
        body(url.to_owned()).await
    }

    let events = Events::capture();
    let url = answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{");
    unknown(&url).await.unwrap_err();
    let said = events.named("unclassified_error");
    assert_eq!(said.len(), 1);
    assert!(said[0].field("error").contains("for url (http://127.0.0.1:"), "{said:?}");
    assert!(!said[0].field("error").contains("4711"), "{said:?}");
}

#[derive(Debug, thiserror::Error)]
#[error("GET {} failed", .0.url().map_or("?", |url| url.as_str()))]
struct OwnWords(#[from] reqwest::Error);

impl Classify for OwnWords {
    fn classify(&self) -> Classification {
        self.0.classify()
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

#[tokio::test]
async fn url_in_the_text_of_a_wrapper_is_reduced_to_its_host() {
    #[retry(idempotent, attempts = 2, base = "1ms", max_delay = "2ms", external_timeout)]
    async fn call(url: &str) -> Result<String, OwnWords> {
        Ok(body(url.to_owned()).await?)
    }

    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let events = Events::capture();
    call(&url(address)).await.unwrap_err();
    let errors: Vec<String> =
        events.all().iter().map(|event| event.field("error").to_owned()).collect();
    assert_eq!(errors, vec![format!("GET http://{address} failed"); 2]);
}

/// reqwest reports both a timeout and a connect error.
#[tokio::test]
async fn connect_timeout_is_a_failed_connection() {
    struct Slow;
    impl reqwest::dns::Resolve for Slow {
        fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
            Box::pin(std::future::pending())
        }
    }

    let client = reqwest::Client::builder()
        .no_proxy()
        .dns_resolver(Slow)
        .connect_timeout(Duration::from_millis(20));
    let error = client.build().unwrap().get("http://slow.test/").send().await.unwrap_err();
    assert!(error.is_timeout() && error.is_connect(), "{error:?}");
    let is = error.classify();
    assert_eq!((is.code(), is.status(), is.sent()), ("CONNECT_FAILED", 503, Sent::Maybe));
}
