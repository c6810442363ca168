//! A gRPC answer that makes no sense is a failure of the callee: a breaker counts it, and it closes
//! no circuit.

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use resilience::circuit_breaker::CircuitState;
use resilience::{CircuitBreaker, Classify as _, circuit_breaker, degrade, millis, timeout};
use resilience_test_support::grpc::{Stock, serve};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::tokio_stream::{self, StreamExt as _};
use tonic::transport::{Channel, Server};

use super::{StockError, call, refused};

/// A message of gRPC: a flag, a length, and the bytes.
fn message(flag: u8, length: u32, bytes: &[u8]) -> Vec<u8> {
    [&[flag][..], &length.to_be_bytes(), bytes].concat()
}

/// What a callee sends: the headers, the parts of its body, and how it ends.
#[derive(Clone, Default)]
struct Answer {
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: Vec<u8>,
    /// `None` ends the body without trailers.
    trailers: Option<&'static [(&'static str, &'static str)]>,
    /// Instead of the end.
    is_reset: bool,
}

const GRPC: &[(&str, &str)] = &[("content-type", "application/grpc")];
const HTML: &[(&str, &str)] = &[("content-type", "text/html")];
const OK: Option<&[(&str, &str)]> = Some(&[("grpc-status", "0")]);

fn headers(of: &[(&'static str, &'static str)]) -> HeaderMap {
    of.iter()
        .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
        .collect()
}

impl Answer {
    fn grpc(body: Vec<u8>) -> Self {
        Self { status: 200, headers: GRPC, body, trailers: OK, is_reset: false }
    }

    fn response(self) -> http::Response<Body> {
        let reset = || Status::internal("the callee breaks off");
        let data = (!self.body.is_empty()).then(|| Ok(Frame::data(self.body.into())));
        let end = match (self.is_reset, self.trailers) {
            (true, _) => Some(Err(reset())),
            (false, trailers) => trailers.map(|these| Ok(Frame::trailers(headers(these)))),
        };
        let frames = tokio_stream::iter(data.into_iter().chain(end));
        // Each frame in a message of its own.
        let frames = frames.then(async |frame| {
            tokio::task::yield_now().await;
            frame
        });
        let mut response =
            http::Response::new(Body::new(http_body_util::StreamBody::new(Box::pin(frames))));
        *response.status_mut() = self.status.try_into().unwrap();
        *response.headers_mut() = headers(self.headers);
        response
    }
}

/// What a callee that is out of order, or isn't the callee, answers.
fn garbage() -> Vec<(&'static str, Answer)> {
    let empty = || Answer::grpc(message(0, 0, b""));
    vec![
        ("HTML", Answer { headers: HTML, body: b"<html>hi".to_vec(), trailers: None, ..empty() }),
        ("short HTML", Answer { headers: HTML, body: b"<a>".to_vec(), trailers: None, ..empty() }),
        (
            "JSON",
            Answer {
                headers: &[("content-type", "application/json")],
                body: b"{}".to_vec(),
                trailers: None,
                ..empty()
            },
        ),
        ("nothing", Answer { body: Vec::new(), trailers: None, ..empty() }),
        ("no message", Answer { body: Vec::new(), ..empty() }),
        ("no status", Answer { trailers: Some(&[("grpc-message", "hello")]), ..empty() }),
        (
            "words as status",
            Answer { trailers: Some(&[("grpc-status", "fine")]), body: Vec::new(), ..empty() },
        ),
        (
            "unknown status",
            Answer { trailers: Some(&[("grpc-status", "99")]), body: Vec::new(), ..empty() },
        ),
        (
            "negative status",
            Answer {
                headers: &[("content-type", "application/grpc"), ("grpc-status", "-1")],
                body: Vec::new(),
                trailers: None,
                ..empty()
            },
        ),
        ("compressed without saying how", Answer::grpc(message(1, 3, b"abc"))),
        ("unknown flag", Answer::grpc(message(7, 3, b"abc"))),
        (
            "unknown compression",
            Answer {
                headers: &[("content-type", "application/grpc"), ("grpc-encoding", "zip")],
                ..Answer::grpc(message(1, 3, b"abc"))
            },
        ),
        ("half a message", Answer::grpc(message(0, 9, b"abc"))),
        (
            "half a message and no end",
            Answer { is_reset: true, ..Answer::grpc(message(0, 9, b"abc")) },
        ),
        ("a reset stream", Answer { is_reset: true, body: Vec::new(), ..empty() }),
        (
            "a redirect",
            Answer {
                status: 302,
                headers: &[("location", "/")],
                body: Vec::new(),
                trailers: None,
                ..empty()
            },
        ),
        (
            "HTML with 404",
            Answer {
                status: 404,
                headers: HTML,
                body: b"<html>".to_vec(),
                trailers: None,
                ..empty()
            },
        ),
        (
            "HTML with 503",
            Answer {
                status: 503,
                headers: HTML,
                body: b"<html>".to_vec(),
                trailers: None,
                ..empty()
            },
        ),
        (
            "status 418",
            Answer { status: 418, headers: HTML, body: Vec::new(), trailers: None, ..empty() },
        ),
    ]
}

/// A callee with this answer to all calls, and how many calls it has got.
async fn callee(answer: Answer) -> (Channel, Arc<AtomicU32>) {
    let calls = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&calls);
    let stock = Stock::http(move |_| {
        counter.fetch_add(1, Relaxed);
        std::future::ready(Ok::<_, Infallible>(answer.clone().response()))
    });
    (serve(Server::builder(), stock).await.0.connect_lazy(), calls)
}

/// A callee that speaks another protocol.
fn foreign(greeting: &'static [u8]) -> Channel {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(greeting);
        }
    });
    Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

async fn callees() -> Vec<(&'static str, Channel)> {
    let mut callees = Vec::new();
    for (name, answer) in garbage() {
        callees.push((name, callee(answer).await.0));
    }
    callees.push(("SSH", foreign(b"SSH-2.0-OpenSSH_9.6\r\n")));
    callees.push(("HTTP/1", foreign(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")));
    callees.push(("a frame of another size", foreign(&[0xff; 64])));
    callees.push(("an end at once", foreign(b"")));
    callees
}

#[tokio::test]
async fn grpc_garbage_opens_the_circuit() {
    static STOCK: CircuitBreaker = CircuitBreaker::new("stock").failure_threshold(3);
    #[circuit_breaker(STOCK)]
    #[timeout("5s")]
    async fn stock(channel: &Channel) -> Result<(), StockError> {
        call(channel.clone()).await?;
        Ok(())
    }
    for (name, channel) in callees().await {
        STOCK.reset();
        for _ in 0..3 {
            assert_eq!(STOCK.state(), CircuitState::Closed, "{name}");
            let error = stock(&channel).await.unwrap_err();
            let class = error.classify();
            assert!(matches!(class.status(), 502 | 503), "{name}: {class:?} of {error:?}");
            assert!(!class.code().starts_with("UPSTREAM_CLIENT"), "{name}: {error:?}");
        }
        assert_eq!(STOCK.state(), CircuitState::Open, "{name}");
    }
}

#[tokio::test]
async fn probe_that_gets_grpc_garbage_closes_no_circuit() {
    static STOCK: CircuitBreaker =
        CircuitBreaker::new("stock").failure_threshold(1).recovery_timeout(millis(1));
    #[circuit_breaker(STOCK)]
    async fn stock(channel: &Channel) -> Result<(), StockError> {
        call(channel.clone()).await?;
        Ok(())
    }
    let down = refused().await;
    for (name, answer) in garbage() {
        let (channel, calls) = callee(answer).await;
        STOCK.reset();
        stock(&down).await.unwrap_err();
        tokio::time::sleep(millis(2)).await;
        let error = stock(&channel).await.unwrap_err();
        assert_eq!(calls.load(Relaxed), 1, "{name}: it was a probe");
        assert_ne!(STOCK.state(), CircuitState::Closed, "{name}: {error:?}");
    }
}

#[tokio::test]
async fn fallback_replaces_grpc_garbage() {
    #[degrade(fallback = ())]
    async fn stock(channel: &Channel) -> Result<(), StockError> {
        call(channel.clone()).await?;
        Ok(())
    }
    for (name, channel) in callees().await {
        assert!(stock(&channel).await.is_ok(), "{name}");
    }
}

/// Whose message is too large can't be told: a callee that refuses ours says it in the same words as
/// tonic about an answer, and clients that send much must not open the circuit for all others.
#[tokio::test]
async fn grpc_message_that_is_too_large_is_not_retried_and_opens_no_circuit() {
    let too_long = vec![0; 5 << 20];
    let answers = [message(0, u32::MAX, b"abc"), message(0, 5 << 20, &too_long)].map(Answer::grpc);
    let ours = Answer {
        headers: &[
            ("content-type", "application/grpc"),
            ("grpc-status", "11"),
            ("grpc-message", "Error, decoded message length too large: found 9 bytes"),
        ],
        trailers: None,
        ..Answer::grpc(Vec::new())
    };
    for answer in answers.into_iter().chain([ours]) {
        let (channel, _) = callee(answer).await;
        let status = call(channel).await.unwrap_err();
        assert!(status.message().starts_with("Error, decoded message length too large"));
        let class = status.classify();
        assert_eq!((class.code(), class.is_retryable()), ("UPSTREAM_CLIENT_ERROR", false));
    }
}
