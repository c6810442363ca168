//! Statuses as they come over a real connection.

mod server;

use std::convert::Infallible;
use std::future::{Future, pending, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use resilience::errors::{NotFound, RateLimited};
use resilience::tonic::{RequestContextLayer, RequestExt as _, send_request_id, status, status_in};
use resilience::{
    Advice, Classification, Classify, Rejected, RequestContext, RequestId, Sent, ServiceError,
    retry,
};
use resilience_boundary_tests::Records;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::server::NamedService;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// Messages without content: what matters stands in the metadata.
#[derive(Clone, Copy, Default)]
struct Nothing;

impl Codec for Nothing {
    type Encode = ();
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Nothing {
    type Item = ();
    type Error = Status;

    fn encode(&mut self, (): (), _: &mut EncodeBuf<'_>) -> Result<(), Status> {
        Ok(())
    }
}

impl Decoder for Nothing {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, _: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        Ok(Some(()))
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<()>, Status>> + Send>>;
type Handler = Arc<dyn Fn(MetadataMap) -> Answer + Send + Sync>;

/// A service whose every method is one function.
#[derive(Clone)]
struct Stock(Handler);

impl NamedService for Stock {
    const NAME: &'static str = "test.Stock";
}

impl tower::Service<http::Request<tonic::body::Body>> for Stock {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let handler = Arc::clone(&self.0);
        let method = tower::service_fn(move |request: Request<()>| handler(request.into_parts().0));
        Box::pin(async move { Ok(tonic::server::Grpc::new(Nothing).unary(method, request).await) })
    }
}

fn handler<F>(answer: impl Fn(MetadataMap) -> F + Send + Sync + 'static) -> Stock
where
    F: Future<Output = Result<Response<()>, Status>> + Send + 'static,
{
    Stock(Arc::new(move |metadata| Box::pin(answer(metadata))))
}

/// Always this status.
fn refusing(status: impl Fn() -> Status + Send + Sync + 'static) -> Stock {
    handler(move |_| ready(Err(status())))
}

/// Serves on a free port until the task is aborted.
async fn serve<S>(server: Server, service: S) -> (Endpoint, JoinHandle<()>)
where
    S: tower::Service<
            http::Request<tonic::body::Body>,
            Response = http::Response<tonic::body::Body>,
            Error = Infallible,
            Future: Send,
        > + NamedService
        + Clone
        + Send
        + Sync
        + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint =
        Endpoint::from_shared(format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let serving = server.layer(RequestContextLayer::new()).add_service(service);
    let task = tokio::spawn(async move {
        serving.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap()
    });
    (endpoint, task)
}

async fn channel(stock: Stock) -> Channel {
    serve(Server::builder(), stock).await.0.connect_lazy()
}

async fn call(channel: Channel) -> Result<Response<()>, Status> {
    ask(channel, Request::new(())).await
}

async fn ask(channel: Channel, request: Request<()>) -> Result<Response<()>, Status> {
    let plain: fn(Request<()>) -> Result<Request<()>, Status> = Ok;
    ask_through(channel, plain, request).await
}

async fn ask_through(
    channel: Channel,
    interceptor: impl Interceptor,
    request: Request<()>,
) -> Result<Response<()>, Status> {
    let mut client = tonic::client::Grpc::new(InterceptedService::new(channel, interceptor));
    client.ready().await.unwrap();
    client.unary(request, http::uri::PathAndQuery::from_static("/test.Stock/Get"), Nothing).await
}

async fn refused() -> Channel {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

#[tokio::test]
async fn a_success_is_one() {
    let channel = channel(handler(|_| ready(Ok(Response::new(()))))).await;
    call(channel).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_down_was_never_sent_anything() {
    let status = call(refused().await).await.unwrap_err();
    let is = status.classify();
    assert_eq!(
        (is.code(), is.status(), is.sent()),
        ("CONNECT_FAILED", 503, Sent::Never),
        "{status:?}"
    );
    assert!(is.is_retryable());

    let boxed: Box<dyn std::error::Error + Send + Sync> = status.into();
    assert_eq!(boxed.classify(), is);
}

#[tokio::test]
async fn a_connection_that_breaks_is_transient() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint =
        Endpoint::from_shared(format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // Speaks so far that the request is sent, and no further.
            let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
            stream.writable().await.unwrap();
            stream.try_write(&settings).unwrap();
            let mut request = vec![0; 4096];
            let mut read = 0;
            while read < 100 {
                stream.readable().await.unwrap();
                match stream.try_read(&mut request) {
                    Ok(0) => break,
                    Ok(more) => read += more,
                    Err(_) => {}
                }
            }
        }
    });
    let status = call(endpoint.connect_lazy()).await.unwrap_err();
    assert_eq!(status.classify(), Classification::transient("CONNECTION_LOST"), "{status:?}");
}

#[tokio::test]
async fn a_server_that_is_stopped_in_the_middle_is_transient() {
    let (started, mut starts) = tokio::sync::mpsc::unbounded_channel();
    let stock = handler(move |_| {
        started.send(()).unwrap();
        pending()
    });
    let runtime = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let endpoint = runtime.block_on(async { serve(Server::builder(), stock).await.0 });
        (runtime, endpoint)
    });
    let (runtime, endpoint) = runtime.join().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = std::thread::spawn(move || drop(runtime.block_on(stopped)));
    let calling = tokio::spawn(call(endpoint.connect_lazy()));
    starts.recv().await.unwrap();
    stop.send(()).unwrap();
    let status = calling.await.unwrap().unwrap_err();
    server.join().unwrap();
    let is = status.classify();
    assert_eq!(
        (is.code(), is.sent(), is.is_retryable()),
        ("CONNECTION_LOST", Sent::Maybe, true),
        "{status:?}"
    );
}

#[tokio::test]
async fn whoever_runs_out_of_time_it_is_a_timeout() {
    let short = Duration::from_millis(50);
    let (endpoint, _) = serve(Server::builder(), handler(|_| pending())).await;

    let of_the_channel = call(endpoint.clone().timeout(short).connect_lazy()).await.unwrap_err();
    let mut request = Request::new(());
    request.set_timeout(short);
    let of_the_request = ask(endpoint.connect_lazy(), request).await.unwrap_err();
    let (endpoint, _) = serve(Server::builder().timeout(short), handler(|_| pending())).await;
    let of_the_server = call(endpoint.connect_lazy()).await.unwrap_err();
    let said =
        call(channel(refusing(|| Status::deadline_exceeded("too late"))).await).await.unwrap_err();

    for status in [of_the_channel, of_the_request, of_the_server, said] {
        assert_eq!(status.classify(), Classification::transient("NETWORK_TIMEOUT"), "{status:?}");
    }
}

#[tokio::test]
async fn a_callee_says_when_to_try_again() {
    let wait = Duration::from_millis(1500);
    let retry_info = move || {
        Status::with_error_details(
            Code::ResourceExhausted,
            "slow down",
            ErrorDetails::with_retry_info(Some(wait)),
        )
    };
    let is = call(channel(refusing(retry_info)).await).await.unwrap_err().classify();
    assert_eq!((is.code(), is.status(), is.retry_after()), ("RATE_LIMITED", 429, Some(wait)));

    for (value, advice) in
        [("1500", Advice::RetryAfter(wait)), ("-1", Advice::DoNotRetry), ("x", Advice::DoNotRetry)]
    {
        let pushback = move || {
            let mut status = Status::unavailable("not now");
            status.metadata_mut().insert("grpc-retry-pushback-ms", value.parse().unwrap());
            status
        };
        let is = call(channel(refusing(pushback)).await).await.unwrap_err().classify();
        assert_eq!((is.code(), is.advice()), ("SERVICE_UNAVAILABLE", advice), "{value}");
    }
}

#[tokio::test]
async fn what_we_answer_is_what_the_client_understands() {
    let limited = || status(&RateLimited::new("api").with_retry_after(Duration::from_secs(7)));
    let is = call(channel(refusing(limited)).await).await.unwrap_err().classify();
    assert_eq!((is.code(), is.retry_after()), ("RATE_LIMITED", Some(Duration::from_secs(7))));

    let absent = || status_in("orders.example.com", &NotFound::new("order", "42"));
    let status = call(channel(refusing(absent)).await).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "order 42 not found"));
    let info = status.get_details_error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("NOT_FOUND", "orders.example.com"));

    let open = || Rejected::circuit_open("inventory", Some(Duration::from_secs(3))).into();
    let status = call(channel(refusing(open)).await).await.unwrap_err();
    let is = status.classify();
    assert_eq!(
        (is.retry_after(), is.sent(), is.rejected()),
        (Some(Duration::from_secs(3)), Sent::Maybe, None)
    );
    assert!(!format!("{status:?}").contains("inventory"), "{status:?}");
}

#[derive(Debug, thiserror::Error, ServiceError)]
enum StockError {
    #[error(transparent)]
    #[service(transparent)]
    Grpc(#[from] Status),
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] Rejected),
}

#[tokio::test]
async fn a_call_is_repeated_as_the_callee_allows() {
    #[retry(idempotent, attempts = 3, base = "1ms", max_delay = "20ms", timed_elsewhere)]
    async fn stock(channel: &Channel) -> Result<(), StockError> {
        call(channel.clone()).await?;
        Ok(())
    }

    for (code, pushback, calls) in [
        (Code::Unavailable, "5", 3),
        (Code::Unavailable, "-1", 1),
        (Code::Unavailable, "60000", 1),
        (Code::NotFound, "5", 1),
    ] {
        let count = Arc::new(AtomicU32::new(0));
        let counting = Arc::clone(&count);
        let channel = channel(refusing(move || {
            counting.fetch_add(1, Ordering::Relaxed);
            let mut status = Status::new(code, "");
            status.metadata_mut().insert("grpc-retry-pushback-ms", pushback.parse().unwrap());
            status
        }))
        .await;
        stock(&channel).await.unwrap_err();
        assert_eq!(count.load(Ordering::Relaxed), calls, "{code:?} {pushback}");
    }
}

#[tokio::test]
async fn the_request_id_goes_to_the_callee_and_comes_back() {
    let channel = channel(handler(|_| async {
        let context = RequestContext::current().unwrap();
        assert_eq!(context.operation().as_deref(), Some("/test.Stock/Get"));
        Err(status(&NotFound::new("context of", context.request_id().to_string())))
    }))
    .await;
    let asked = |request| ask_through(channel.clone(), send_request_id, request);

    let ours = RequestContext::with_request_id(RequestId::parse("r-1").unwrap());
    let status = ours.scope(asked(Request::new(()))).await.unwrap_err();
    assert_eq!(status.message(), "context of r-1 not found");
    assert_eq!(status.metadata().get("x-request-id").unwrap(), "r-1");
    assert_eq!(status.get_details_request_info().unwrap().request_id, "r-1");

    // Outside a context, and for a name that isn't fit for logs or isn't alone, the callee makes
    // one of its own.
    for names in [&[][..], &["two words"], &["r-1", "r-2"]] {
        let mut request = Request::new(());
        for name in names {
            request.metadata_mut().append("x-request-id", name.parse().unwrap());
        }
        let status = asked(request).await.unwrap_err();
        let made = status.metadata().get("x-request-id").unwrap().to_str().unwrap();
        assert_eq!(made.len(), 36, "{names:?}: {made}");
    }
}

#[tokio::test]
async fn key_and_deadline_of_the_call_go_along() {
    #[retry(idempotency_key = key)]
    #[resilience::timeout("10s")]
    async fn charge(channel: &Channel, key: &str) -> Result<(), StockError> {
        let request = Request::new(()).with_time_left().with_idempotency_key()?;
        ask(channel.clone(), request).await?;
        Ok(())
    }

    let channel = channel(handler(|metadata| {
        let text = |name| metadata.get(name).map_or("", |value| value.to_str().unwrap());
        ready(Err(Status::not_found(format!(
            "{};{}",
            text("idempotency-key"),
            text("grpc-timeout")
        ))))
    }))
    .await;
    let seen = |error| match error {
        StockError::Grpc(status) => status.message().to_owned(),
        StockError::Rejected(rejected) => panic!("{rejected}"),
    };

    let told = seen(charge(&channel, "k-7").await.unwrap_err());
    let (key, timeout) = told.split_once(';').unwrap();
    assert_eq!(key, "k-7");
    assert!(!timeout.is_empty(), "{told}");
    assert_eq!(call(channel.clone()).await.unwrap_err().message(), ";");
    assert_eq!(
        ask(channel.clone(), Request::new(()).with_time_left()).await.unwrap_err().message(),
        ";"
    );

    let spoiled = charge(&channel, "two\nlines").await.unwrap_err().classify();
    assert_eq!((spoiled.status(), spoiled.is_retryable()), (500, false));
}

#[test]
fn an_error_that_is_answered_is_logged_once() {
    let records = Records::capture();
    let error = NotFound::new("order", "42");
    let context = RequestContext::with_request_id(RequestId::parse("rpc-7").unwrap());
    let line = context.sync_scope(|| {
        let line = line!() + 1;
        let _status = status(&error);
        // An outer boundary, which has no record to add.
        resilience::report(&error);
        line
    });
    assert_eq!(records.names(), ["expected_error", "already_reported"]);
    let record = &records.all()[0];
    assert_eq!(record.text("request_id"), "rpc-7");
    assert!(record.text("code.file.path").ends_with("tonic/main.rs"), "{record:?}");
    assert_eq!(record["code.line.number"], line, "{record:?}");
}

#[test]
fn what_a_layer_reports_is_logged_where_it_is_answered() {
    let records = Records::capture();
    let status = Status::from(Rejected::circuit_open("stock", None));
    assert_eq!(status.code(), Code::Unavailable);
    assert!(records.reports().is_empty());
}
