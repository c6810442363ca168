//! gRPC statuses over a real connection: as a client, and as a server.

mod garbage;
mod impl_block;
mod server;

use std::future::{pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use resilience::errors::{NotFound, RateLimited};
use resilience::tonic::{RequestExt as _, ResponseExt as _, send_request_id, status, status_in};
use resilience::{
    Advice, Classification, Classify, Rejected, RequestContext, Sent, ServiceError,
    request::RequestId, retry,
};
use resilience_test_support::Records;
use resilience_test_support::grpc::{Empty, Stock, listen, serve};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

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
    client.unary(request, http::uri::PathAndQuery::from_static("/test.Stock/Get"), Empty).await
}

/// A channel to a port that refuses connections.
async fn refused() -> Channel {
    listen().await.1.connect_lazy()
}

#[tokio::test]
async fn grpc_success_passes_through() {
    let channel = channel(Stock::unary(|_| ready(Ok(Response::new(()))))).await;
    call(channel).await.unwrap();
}

#[tokio::test]
async fn unreachable_grpc_server_was_never_sent_the_call() {
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
async fn grpc_answer_is_not_asked_for_again() {
    async fn take_and_tell(stock: Channel, mail: Channel) -> Result<(), Status> {
        call(stock).await.checked()?;
        call(mail).await?;
        Ok(())
    }
    #[retry(non_idempotent, external_timeout, base = "1ms")]
    async fn seen(stock: &Channel, mail: &Channel) -> Result<(), Status> {
        take_and_tell(stock.clone(), mail.clone()).await
    }
    #[retry(non_idempotent, external_timeout, base = "1ms")]
    async fn unseen(stock: &Channel, mail: &Channel) -> Result<(), Status> {
        call(stock.clone()).await?;
        call(mail.clone()).await?;
        Ok(())
    }

    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let stock = channel(Stock::unary(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        ready(Ok(Response::new(())))
    }))
    .await;
    let mail = refused().await;
    assert_eq!(seen(&stock, &mail).await.unwrap_err().classify().code(), "CONNECT_FAILED");
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    unseen(&stock, &mail).await.unwrap_err();
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn broken_grpc_connection_is_transient() {
    let (listener, endpoint) = listen().await;
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // Just enough of the protocol that the request is sent.
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
async fn grpc_server_stopped_mid_call_is_transient() {
    let (started, mut starts) = tokio::sync::mpsc::unbounded_channel();
    let stock = Stock::unary(move |_| {
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
async fn deadline_of_channel_request_or_server_is_a_timeout() {
    let short = Duration::from_millis(50);
    let (endpoint, _) = serve(Server::builder(), Stock::unary(|_| pending())).await;

    let of_the_channel = call(endpoint.clone().timeout(short).connect_lazy()).await.unwrap_err();
    let mut request = Request::new(());
    request.set_timeout(short);
    let of_the_request = ask(endpoint.connect_lazy(), request).await.unwrap_err();
    let (endpoint, _) = serve(Server::builder().timeout(short), Stock::unary(|_| pending())).await;
    let of_the_server = call(endpoint.connect_lazy()).await.unwrap_err();
    let explicit = call(channel(Stock::failing(|| Status::deadline_exceeded("too late"))).await)
        .await
        .unwrap_err();

    for status in [of_the_channel, of_the_request, of_the_server, explicit] {
        assert_eq!(status.classify(), Classification::transient("NETWORK_TIMEOUT"), "{status:?}");
    }
}

#[tokio::test]
async fn retry_info_and_pushback_become_retry_advice() {
    let wait = Duration::from_millis(1500);
    let retry_info = move || {
        Status::with_error_details(
            Code::ResourceExhausted,
            "slow down",
            ErrorDetails::with_retry_info(Some(wait)),
        )
    };
    let is = call(channel(Stock::failing(retry_info)).await).await.unwrap_err().classify();
    assert_eq!((is.code(), is.status(), is.retry_after()), ("RATE_LIMITED", 503, Some(wait)));

    for (value, advice) in
        [("1500", Advice::RetryAfter(wait)), ("-1", Advice::DoNotRetry), ("x", Advice::DoNotRetry)]
    {
        let pushback = move || {
            let mut status = Status::unavailable("not now");
            status.metadata_mut().insert("grpc-retry-pushback-ms", value.parse().unwrap());
            status
        };
        let is = call(channel(Stock::failing(pushback)).await).await.unwrap_err().classify();
        assert_eq!((is.code(), is.advice()), ("SERVICE_UNAVAILABLE", advice), "{value}");
    }
}

#[tokio::test]
async fn our_status_is_understood_by_our_client() {
    let limited = || status(&RateLimited::new("api").with_retry_after(Duration::from_secs(7)));
    let is = call(channel(Stock::failing(limited)).await).await.unwrap_err().classify();
    assert_eq!((is.code(), is.retry_after()), ("RATE_LIMITED", Some(Duration::from_secs(7))));

    let absent = || status_in("orders.example.com", &NotFound::new("order", "42"));
    let status = call(channel(Stock::failing(absent)).await).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "order 42 not found"));
    let info = status.get_details_error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("NOT_FOUND", "orders.example.com"));

    let open = || Rejected::circuit_open("inventory", Some(Duration::from_secs(3))).into();
    let status = call(channel(Stock::failing(open)).await).await.unwrap_err();
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
async fn retry_honors_grpc_pushback() {
    #[retry(idempotent, attempts = 3, base = "1ms", max_delay = "20ms", external_timeout)]
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
        let channel = channel(Stock::failing(move || {
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
async fn request_id_is_sent_to_the_grpc_callee_and_back() {
    let channel = channel(Stock::unary(|_| async {
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

    // Outside a context, and if the id is invalid or sent twice, the callee creates one.
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
async fn deadline_of_any_length_fits_the_metadata() {
    #[retry(idempotent)]
    #[resilience::timeout(limit)]
    async fn deadline(limit: Duration) -> Result<Option<String>, StockError> {
        let request = Request::new(()).with_time_left();
        let timeout = request.metadata().get("grpc-timeout");
        Ok(timeout.map(|timeout| timeout.to_str().unwrap().to_owned()))
    }
    for years in [1, 1_000, 12_000, 100_000_000] {
        let limit = resilience::secs(years * 365 * 86_400);
        let sent = deadline(limit).await.unwrap_or_else(|error| panic!("{error}"));
        assert!(sent.is_none_or(|sent| sent.len() <= 9), "at most eight digits and a unit");
    }
}

#[tokio::test]
async fn idempotency_key_and_deadline_are_sent_to_the_grpc_callee() {
    #[retry(idempotency_key = key)]
    #[resilience::timeout("10s")]
    async fn charge(channel: &Channel, key: &str) -> Result<(), StockError> {
        let request = Request::new(()).with_time_left().with_idempotency_key()?;
        ask(channel.clone(), request).await?;
        Ok(())
    }

    let channel = channel(Stock::unary(|metadata| {
        let text = |name| metadata.get(name).map_or("", |value| value.to_str().unwrap());
        ready(Err(Status::not_found(format!(
            "{};{}",
            text("idempotency-key"),
            text("grpc-timeout")
        ))))
    }))
    .await;
    let received = |error| match error {
        StockError::Grpc(status) => status.message().to_owned(),
        StockError::Rejected(rejected) => panic!("{rejected}"),
    };

    let received = received(charge(&channel, "k-7").await.unwrap_err());
    let (key, timeout) = received.split_once(';').unwrap();
    assert_eq!(key, "k-7");
    assert!(!timeout.is_empty(), "{received}");
    assert_eq!(call(channel.clone()).await.unwrap_err().message(), ";");
    assert_eq!(
        ask(channel.clone(), Request::new(()).with_time_left()).await.unwrap_err().message(),
        ";"
    );

    let keyless = Request::new(()).with_idempotency_key().unwrap_err();
    assert_eq!(keyless.code(), Code::InvalidArgument);
    assert!(!keyless.classify().is_retryable());
    assert!(Request::new(()).with_idempotency_key_if_any().unwrap().metadata().is_empty());

    let spoiled = charge(&channel, "two\nlines").await.unwrap_err().classify();
    assert_eq!((spoiled.status(), spoiled.is_retryable()), (500, false));
}

#[test]
fn error_answered_as_a_grpc_status_is_logged_once() {
    let records = Records::capture();
    let error = NotFound::new("order", "42");
    let context = RequestContext::with_request_id(RequestId::parse("rpc-7").unwrap());
    let line = context.sync_scope(|| {
        let line = line!() + 1;
        let _status = status(&error);
        // An outer boundary, which has nothing to add.
        resilience::report(&error);
        line
    });
    assert_eq!(records.names(), ["expected_error", "already_reported"]);
    let record = &records.all()[0];
    assert_eq!(record.text("request_id"), "rpc-7");
    assert!(record.text("code.file.path").ends_with("tonic/mod.rs"), "{record:?}");
    assert_eq!(record["code.line.number"], line, "{record:?}");
}

#[test]
fn rejection_converted_to_a_grpc_status_is_not_logged() {
    let records = Records::capture();
    let status = Status::from(Rejected::circuit_open("stock", None));
    assert_eq!(status.code(), Code::Unavailable);
    assert!(records.reports().is_empty());
}
