//! gRPC over a real connection: services made of functions, and a client without generated code.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use resilience::tonic::RequestContextLayer;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::tokio_stream::Stream;
use tonic::metadata::MetadataMap;
use tonic::server::{Grpc, NamedService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Response, Status};

/// Codec for empty messages: the tests look at statuses and metadata.
#[derive(Debug, Clone, Copy, Default)]
pub struct Empty;

impl Codec for Empty {
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

impl Encoder for Empty {
    type Item = ();
    type Error = Status;

    fn encode(&mut self, (): (), _: &mut EncodeBuf<'_>) -> Result<(), Status> {
        Ok(())
    }
}

impl Decoder for Empty {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, _: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        Ok(Some(()))
    }
}

/// Responses of a stream.
pub type Messages = Pin<Box<dyn Stream<Item = Result<(), Status>> + Send>>;

type HttpResponse = http::Response<Body>;
type HttpFuture = Pin<Box<dyn Future<Output = Result<HttpResponse, Infallible>> + Send>>;

/// The service `test.Stock`, whose every method is one function.
#[derive(Clone)]
pub struct Stock(Arc<dyn Fn(http::Request<Body>) -> HttpFuture + Send + Sync>);

impl Stock {
    /// Every method is unary and gets the metadata of its request.
    pub fn unary<F>(answer: impl Fn(MetadataMap) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Response<()>, Status>> + Send + 'static,
    {
        let answer = Arc::new(answer);
        Self::http(move |request| {
            let answer = Arc::clone(&answer);
            let method =
                tower::service_fn(move |request: Request<()>| answer(request.into_parts().0));
            async move { Ok(Grpc::new(Empty).unary(method, request).await) }
        })
    }

    /// Every method is unary and fails with this status.
    pub fn failing(status: impl Fn() -> Status + Send + Sync + 'static) -> Self {
        Self::unary(move |_| std::future::ready(Err(status())))
    }

    /// Every method answers with a stream.
    pub fn streaming(messages: impl Fn() -> Messages + Send + Sync + 'static) -> Self {
        let messages = Arc::new(messages);
        Self::http(move |request| {
            let messages = Arc::clone(&messages);
            let method = tower::service_fn(move |_: Request<()>| {
                let messages = messages();
                async { Ok(Response::new(messages)) }
            });
            async move { Ok(Grpc::new(Empty).server_streaming(method, request).await) }
        })
    }

    /// Every method is a function below gRPC.
    pub fn http<F>(answer: impl Fn(http::Request<Body>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<HttpResponse, Infallible>> + Send + 'static,
    {
        Self(Arc::new(move |request| Box::pin(answer(request))))
    }
}

impl NamedService for Stock {
    const NAME: &'static str = "test.Stock";
}

impl tower::Service<http::Request<Body>> for Stock {
    type Response = HttpResponse;
    type Error = Infallible;
    type Future = HttpFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        (self.0)(request)
    }
}

/// Serves under the library's layer, on a free port, until the task is aborted.
///
/// # Panics
/// If there is no free port.
pub async fn serve(server: Server, stock: Stock) -> (Endpoint, JoinHandle<()>) {
    let (listener, endpoint) = listen().await;
    let router = server.layer(RequestContextLayer::new()).add_service(stock);
    let task = tokio::spawn(async move {
        router.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap();
    });
    (endpoint, task)
}

/// A free port and its address.
///
/// # Panics
/// If there is no free port.
pub async fn listen() -> (TcpListener, Endpoint) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, Endpoint::from_shared(format!("http://{address}")).unwrap())
}
