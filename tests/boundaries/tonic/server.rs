//! The layer around unary and streaming methods.

use std::future::{Ready, pending, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use http::uri::PathAndQuery;
use resilience::axum::RequestLayer;
use resilience::errors::{Internal, NetworkTimeout, NotFound};
use resilience::tonic::{RequestContextLayer, status};
use resilience::{RequestContext, alert::AlertPhase, on_alert, retry, secs};
use resilience_test_support::grpc::{Empty, Stock, serve};
use resilience_test_support::{Record, Records};
use tokio::sync::Notify;
use tonic::codegen::tokio_stream::{self, StreamExt as _};
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Status, Streaming};

const GENERIC: &str = "An internal error occurred";

/// Streams this many messages, and then what the function returns, which is called while the stream
/// is being sent.
fn feed(
    first: usize,
    then: impl Fn() -> Option<Result<(), Status>> + Clone + Send + Sync + 'static,
) -> Stock {
    Stock::streaming(move || {
        let first = tokio_stream::iter(std::iter::repeat_n((), first).map(Ok));
        let last = tokio_stream::iter([then.clone()]).then(async |then| {
            // The messages before are sent first.
            tokio::task::yield_now().await;
            then()
        });
        Box::pin(first.chain(last.filter_map(|last| last)))
    })
}

/// Calls a streaming method, with the request id `rpc-1`.
async fn stream(channel: Channel, path: &'static str) -> Result<Streaming<()>, Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let mut request = Request::new(());
    request.metadata_mut().insert("x-request-id", "rpc-1".parse().unwrap());
    let answer = client.server_streaming(request, PathAndQuery::from_static(path), Empty).await?;
    assert_eq!(answer.metadata().get("x-request-id").unwrap(), "rpc-1");
    Ok(answer.into_inner())
}

async fn started_with(feed: Stock) -> Channel {
    serve(Server::builder(), feed).await.0.connect_lazy()
}

#[track_caller]
fn assert_panic(records: &Records, text: &str) -> Record {
    let record = records.only();
    assert_eq!((record.text("message"), record.text("error.type")), ("unexpected_error", "PANIC"));
    assert_eq!(record.text("request_id"), "rpc-1");
    assert!(record.text("exception.message").ends_with(text), "{record:?}");
    assert!(record.text("code.file.path").ends_with("tonic/server.rs"), "{record:?}");
    record
}

#[track_caller]
fn assert_internal(status: &Status) {
    assert_eq!((status.code(), status.message()), (Code::Internal, GENERIC), "{status:?}");
    let sent = format!("{status:?} {}", String::from_utf8_lossy(status.details()));
    assert!(!sent.contains("secret") && !sent.contains("PANIC"), "{sent}");
}

#[tokio::test]
async fn grpc_stream_is_polled_in_its_request_context() {
    let records = Records::capture();
    let channel = started_with(feed(2, || {
        let id = RequestContext::current().unwrap().request_id().to_string();
        Some(Err(status(&NotFound::new("third message of", id))))
    }))
    .await;
    let mut messages = stream(channel, "/test.Stock/Three").await.unwrap();
    assert!(messages.message().await.unwrap().is_some());
    assert!(messages.message().await.unwrap().is_some());
    let status = messages.message().await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::NotFound, "third message of rpc-1 not found")
    );
    let record = records.only();
    assert_eq!(
        (record.text("request_id"), record.text("operation")),
        ("rpc-1", "/test.Stock/Three")
    );
}

/// Asserts that a canceled call has left a trace.
async fn assert_abandoned(records: &Records, operation: &str, part: &str) {
    // It is logged after the drop that the test waits for.
    tokio::task::yield_now().await;
    let all = records.all();
    let abandoned = all.iter().find(|record| record.text("message") == "request_abandoned");
    let abandoned = abandoned.unwrap_or_else(|| panic!("{all:?}"));
    assert_eq!(
        (abandoned.text("request_id"), abandoned.text("operation"), abandoned.text("part")),
        ("rpc-1", operation, part)
    );
}

#[tokio::test]
async fn report_on_drop_of_a_canceled_grpc_call_has_its_request_id() {
    /// Reports when it is dropped, as a guard of unfinished work may.
    struct Unfinished(Arc<Notify>);

    impl Drop for Unfinished {
        fn drop(&mut self) {
            resilience::report(&Internal::new("unfinished"));
            self.0.notify_one();
        }
    }

    let records = Records::capture();
    let (started, dropped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let stock = {
        let (starts, drops) = (Arc::clone(&started), Arc::clone(&dropped));
        Stock::unary(move |_| {
            let (starts, drops) = (Arc::clone(&starts), Arc::clone(&drops));
            async move {
                let _unfinished = Unfinished(drops);
                starts.notify_one();
                pending().await
            }
        })
    };
    let channel = serve(Server::builder(), stock).await.0.connect_lazy();
    tokio::select! {
        _ = stream(channel, "/test.Stock/Get") => unreachable!("it waits for ever"),
        () = started.notified() => {}
    }
    dropped.notified().await;
    assert_eq!(records.only().text("request_id"), "rpc-1");
    assert_abandoned(&records, "/test.Stock/Get", "handler").await;

    let records = Records::capture();
    let drops = Arc::clone(&dropped);
    let endless = Stock::streaming(move || {
        let waits = tokio_stream::once(Unfinished(Arc::clone(&drops))).then(async |unfinished| {
            let _unfinished = unfinished;
            pending().await
        });
        Box::pin(tokio_stream::once(Ok(())).chain(waits))
    });
    let mut messages = stream(started_with(endless).await, "/test.Stock/Endless").await.unwrap();
    assert!(messages.message().await.unwrap().is_some());
    drop(messages);
    dropped.notified().await;
    let record = records.only();
    assert_eq!(
        (record.text("request_id"), record.text("operation")),
        ("rpc-1", "/test.Stock/Endless")
    );
}

#[tokio::test]
async fn grpc_handler_panic_is_an_ordinary_internal_error() {
    let records = Records::capture();
    let stock = Stock::unary(|_| async {
        tokio::task::yield_now().await;
        panic!("secret {}", 42)
    });
    let channel = serve(Server::builder(), stock).await.0.connect_lazy();
    let status = stream(channel.clone(), "/test.Stock/Get").await.unwrap_err();
    assert_internal(&status);
    assert_eq!(status.metadata().get("x-request-id").unwrap(), "rpc-1");
    assert_eq!(assert_panic(&records, ": secret 42").text("operation"), "/test.Stock/Get");
    // The connection survives.
    assert_internal(&stream(channel, "/test.Stock/Get").await.unwrap_err());
}

#[tokio::test]
async fn grpc_panic_before_the_future_exists_is_an_internal_error() {
    let records = Records::capture();
    let stock = Stock::http(|_| -> Ready<_> { panic!("no such method") });
    let status = stream(started_with(stock).await, "/test.Stock/Get").await.unwrap_err();
    assert_internal(&status);
    assert_panic(&records, ": no such method");
}

#[tokio::test]
async fn grpc_handler_that_panics_on_drop_is_an_internal_error() {
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "secret drop");
        }
    }

    let stock = Stock::http(|_| {
        let bomb = Bomb;
        // It still holds the bomb when it has answered.
        poll_fn(move |_| {
            let _held = &bomb;
            Poll::Ready(Ok(Status::ok("").into_http()))
        })
    });
    let records = Records::capture();
    let channel = serve(Server::builder(), stock).await.0.connect_lazy();
    assert_internal(&stream(channel, "/test.Stock/Get").await.unwrap_err());
    assert_panic(&records, "secret drop");
}

#[tokio::test]
async fn panicking_grpc_stream_ends_with_an_internal_error() {
    let records = Records::capture();
    let channel = started_with(feed(1, || panic!("secret third"))).await;
    let mut messages = stream(channel, "/test.Stock/Panics").await.unwrap();
    assert!(messages.message().await.unwrap().is_some());
    assert_internal(&messages.message().await.unwrap_err());
    assert_panic(&records, ": secret third");
}

#[tokio::test]
async fn successful_grpc_stream_ends_an_alert() {
    const OPERATION: &str = "/test.Stock/Alerts";
    let phases = Arc::<Mutex<Vec<AlertPhase>>>::default();
    on_alert({
        let phases = Arc::clone(&phases);
        move |notice| {
            if &*notice.operation == OPERATION {
                phases.lock().unwrap().push(notice.phase);
            }
        }
    });
    let fails = Arc::new(Mutex::new(true));
    let failing = Arc::clone(&fails);
    let channel = started_with(feed(1, move || {
        failing.lock().unwrap().then(|| Err(status(&NetworkTimeout::new("inventory", secs(5)))))
    }))
    .await;
    let run = async || {
        let mut messages = stream(channel.clone(), OPERATION).await.unwrap();
        while let Ok(Some(())) = messages.message().await {}
    };
    // Each of these streams messages before it fails.
    for _ in 0..5 {
        run().await;
    }
    assert_eq!(*phases.lock().unwrap(), [AlertPhase::Began]);
    *fails.lock().unwrap() = false;
    run().await;
    assert_eq!(*phases.lock().unwrap(), [AlertPhase::Began, AlertPhase::Over]);
}

/// As in a server for both gRPC and HTTP.
#[tokio::test]
async fn grpc_layer_below_axum_layer_shares_the_request_id() {
    let stock = Stock::unary(|_| async { Err(status(&NotFound::new("order", "42"))) });
    let stock = tower::service_fn(move |request: http::Request<axum::body::Body>| {
        tower::Service::call(&mut stock.clone(), request.map(tonic::body::Body::new))
    });
    let grpc = tower::Layer::layer(&RequestContextLayer::new(), stock);
    let app = axum::Router::new().route_service("/test.Stock/Get", grpc).layer(RequestLayer::new());
    let records = Records::capture();
    // One empty message.
    let request = http::Request::post("/test.Stock/Get").header("content-type", "application/grpc");
    let request = request.body(axum::body::Body::from([0; 5].to_vec())).unwrap();
    let answer = tower::ServiceExt::oneshot(app, request).await.unwrap();
    let id = answer.headers()["x-request-id"].to_str().unwrap();
    assert_eq!(records.only().text("request_id"), id);
}

#[tokio::test]
async fn grpc_timeout_of_the_client_is_the_deadline_of_the_handler() {
    #[retry(idempotent, external_timeout, base = "10s", max_delay = "10s")]
    async fn patient() -> Result<(), NetworkTimeout> {
        Err(NetworkTimeout::new("stock", secs(1)))
    }

    let seen = Arc::new(Mutex::new(None));
    let in_handler = Arc::clone(&seen);
    let stock = Stock::unary(move |_| {
        let in_handler = Arc::clone(&in_handler);
        async move {
            *in_handler.lock().unwrap() = resilience::context().remaining();
            // A wait of 10 seconds isn't started, so this fails at once and not by the deadline.
            let error = patient().await.unwrap_err();
            let spawned = resilience::spawn(async { resilience::context().remaining() }).await;
            assert!(spawned.unwrap().is_some_and(|left| left <= secs(5)));
            Err(status(&error))
        }
    });
    let channel = started_with(stock).await;
    let ask = async |timeout: Option<std::time::Duration>| {
        let mut client = tonic::client::Grpc::new(channel.clone());
        client.ready().await.unwrap();
        let mut request = Request::new(());
        if let Some(timeout) = timeout {
            request.set_timeout(timeout);
        }
        let path = PathAndQuery::from_static("/test.Stock/Get");
        let outcome: Result<tonic::Response<()>, _> = client.unary(request, path, Empty).await;
        outcome.unwrap_err().code()
    };
    assert_eq!(ask(Some(secs(5))).await, Code::DeadlineExceeded);
    let left = seen.lock().unwrap().take().expect("the client has set a deadline");
    assert!(left <= secs(5) && left > secs(4), "{left:?}");
}
