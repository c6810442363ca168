//! What the layer does for a handler and for the stream that it answers.

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use http::uri::PathAndQuery;
use resilience::axum::RequestLayer;
use resilience::errors::{Internal, NetworkTimeout, NotFound};
use resilience::tonic::{RequestContextLayer, status};
use resilience::{AlertPhase, RequestContext, on_alert, secs};
use resilience_boundary_tests::{Record, Records};
use tokio::sync::Notify;
use tonic::codegen::tokio_stream::{self, Stream, StreamExt as _};
use tonic::server::NamedService;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Response, Status, Streaming};

use super::{Nothing, handler, serve};

const GENERIC: &str = "An internal error occurred";

type Messages = Pin<Box<dyn Stream<Item = Result<(), Status>> + Send>>;

/// A service whose every method is one function that answers a stream.
#[derive(Clone)]
struct Feed(Arc<dyn Fn() -> Messages + Send + Sync>);

impl NamedService for Feed {
    const NAME: &'static str = "test.Feed";
}

impl tower::Service<http::Request<tonic::body::Body>> for Feed {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        assert!(request.uri().path() != "/test.Feed/Bomb", "no such method");
        let messages = Arc::clone(&self.0);
        let method = tower::service_fn(move |_: Request<()>| {
            let messages = messages();
            async { Ok(Response::new(messages)) }
        });
        Box::pin(async move {
            Ok(tonic::server::Grpc::new(Nothing).server_streaming(method, request).await)
        })
    }
}

/// Answers `Ok` so many times, and then whatever the function says, which is asked while the answer
/// is being sent.
fn feed(
    first: usize,
    then: impl Fn() -> Option<Result<(), Status>> + Clone + Send + Sync + 'static,
) -> Feed {
    Feed(Arc::new(move || {
        let first = tokio_stream::iter(std::iter::repeat_n((), first).map(Ok));
        let last = tokio_stream::iter([then.clone()]).then(async |then| {
            // Sends what there is before.
            tokio::task::yield_now().await;
            then()
        });
        Box::pin(first.chain(last.filter_map(|last| last)))
    }))
}

/// The request id is `rpc-1`.
async fn stream(channel: Channel, path: &'static str) -> Result<Streaming<()>, Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let mut request = Request::new(());
    request.metadata_mut().insert("x-request-id", "rpc-1".parse().unwrap());
    let answer = client.server_streaming(request, PathAndQuery::from_static(path), Nothing).await?;
    assert_eq!(answer.metadata().get("x-request-id").unwrap(), "rpc-1");
    Ok(answer.into_inner())
}

async fn started_with(feed: Feed) -> Channel {
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
    let told = format!("{status:?} {}", String::from_utf8_lossy(status.details()));
    assert!(!told.contains("secret") && !told.contains("PANIC"), "{told}");
}

#[tokio::test]
async fn a_stream_is_made_in_the_context_of_its_request() {
    let records = Records::capture();
    let channel = started_with(feed(2, || {
        let id = RequestContext::current().unwrap().request_id().to_string();
        Some(Err(status(&NotFound::new("third message of", id))))
    }))
    .await;
    let mut messages = stream(channel, "/test.Feed/Three").await.unwrap();
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
        ("rpc-1", "/test.Feed/Three")
    );
}

#[tokio::test]
async fn what_a_handler_or_a_stream_reports_whose_client_has_gone_names_its_request() {
    /// Reports when it is dropped, as the guard of something half done may.
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
        handler(move |_| {
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

    let records = Records::capture();
    let drops = Arc::clone(&dropped);
    let endless = Feed(Arc::new(move || {
        let waits = tokio_stream::once(Unfinished(Arc::clone(&drops))).then(async |unfinished| {
            let _unfinished = unfinished;
            pending().await
        });
        Box::pin(tokio_stream::once(Ok(())).chain(waits))
    }));
    let mut messages = stream(started_with(endless).await, "/test.Feed/Endless").await.unwrap();
    assert!(messages.message().await.unwrap().is_some());
    drop(messages);
    dropped.notified().await;
    let record = records.only();
    assert_eq!(
        (record.text("request_id"), record.text("operation")),
        ("rpc-1", "/test.Feed/Endless")
    );
}

#[tokio::test]
async fn a_panic_of_a_handler_is_an_internal_error_like_any_other() {
    let records = Records::capture();
    let stock = handler(|_| async {
        tokio::task::yield_now().await;
        panic!("secret {}", 42)
    });
    let channel = serve(Server::builder(), stock).await.0.connect_lazy();
    let status = stream(channel.clone(), "/test.Stock/Get").await.unwrap_err();
    assert_internal(&status);
    assert_eq!(status.metadata().get("x-request-id").unwrap(), "rpc-1");
    assert_eq!(assert_panic(&records, ": secret 42").text("operation"), "/test.Stock/Get");
    // The connection is still there.
    assert_internal(&stream(channel, "/test.Stock/Get").await.unwrap_err());
}

#[tokio::test]
async fn also_before_there_is_a_future() {
    let records = Records::capture();
    let status = stream(started_with(feed(0, || None)).await, "/test.Feed/Bomb").await.unwrap_err();
    assert_internal(&status);
    assert_panic(&records, ": no such method");
}

#[tokio::test]
async fn also_when_a_handler_is_dropped() {
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "secret drop");
        }
    }

    #[derive(Clone)]
    struct Dropping;

    impl NamedService for Dropping {
        const NAME: &'static str = "test.Dropping";
    }

    impl tower::Service<http::Request<tonic::body::Body>> for Dropping {
        type Response = http::Response<tonic::body::Body>;
        type Error = Infallible;
        type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: http::Request<tonic::body::Body>) -> Self::Future {
            let bomb = Bomb;
            // What it holds it still holds when it has answered.
            Box::pin(poll_fn(move |_| {
                let _held = &bomb;
                Poll::Ready(Ok(Status::ok("").into_http()))
            }))
        }
    }

    let records = Records::capture();
    let channel = serve(Server::builder(), Dropping).await.0.connect_lazy();
    assert_internal(&stream(channel, "/test.Dropping/Get").await.unwrap_err());
    assert_panic(&records, "secret drop");
}

#[tokio::test]
async fn a_stream_that_panics_ends_as_an_internal_error() {
    let records = Records::capture();
    let channel = started_with(feed(1, || panic!("secret third"))).await;
    let mut messages = stream(channel, "/test.Feed/Panics").await.unwrap();
    assert!(messages.message().await.unwrap().is_some());
    assert_internal(&messages.message().await.unwrap_err());
    assert_panic(&records, ": secret third");
}

#[tokio::test]
async fn an_answer_that_ends_well_ends_an_alert() {
    const OPERATION: &str = "/test.Feed/Alerts";
    let heard = Arc::<Mutex<Vec<AlertPhase>>>::default();
    on_alert({
        let heard = Arc::clone(&heard);
        move |notice| {
            if &*notice.operation == OPERATION {
                heard.lock().unwrap().push(notice.phase);
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
    // Each of these has answered `Ok` before it failed.
    for _ in 0..5 {
        run().await;
    }
    assert_eq!(*heard.lock().unwrap(), [AlertPhase::Began]);
    *fails.lock().unwrap() = false;
    run().await;
    assert_eq!(*heard.lock().unwrap(), [AlertPhase::Began, AlertPhase::Over]);
}

/// As where one server answers gRPC and HTTP.
#[tokio::test]
async fn under_axums_layer_there_is_one_request_id() {
    let stock = handler(|_| async { Err(status(&NotFound::new("order", "42"))) });
    let stock = tower::service_fn(move |request: http::Request<axum::body::Body>| {
        tower::Service::call(&mut stock.clone(), request.map(tonic::body::Body::new))
    });
    let grpc = tower::Layer::layer(&RequestContextLayer::new(), stock);
    let app = axum::Router::new().route_service("/test.Stock/Get", grpc).layer(RequestLayer::new());
    let records = Records::capture();
    // One message of no length.
    let request = http::Request::post("/test.Stock/Get").header("content-type", "application/grpc");
    let request = request.body(axum::body::Body::from([0; 5].to_vec())).unwrap();
    let answer = tower::ServiceExt::oneshot(app, request).await.unwrap();
    let told = answer.headers()["x-request-id"].to_str().unwrap();
    assert_eq!(records.only().text("request_id"), told);
}
