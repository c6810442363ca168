//! The request id on its way from one service to the next.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::HeaderValue;
use tonic::{Request, Status};
use tower_layer::Layer;
use tower_service::Service;
use tracing::Instrument as _;

use super::{REQUEST_ID, RequestExt as _};
use crate::{RequestContext, RequestId};

/// An interceptor that sends the request id of the current [`RequestContext`] along, as the metadata `x-request-id`.
///
/// ```text
/// StockClient::with_interceptor(channel, resilience::tonic::send_request_id)
/// ```
///
/// # Errors
/// None; interceptors may have some.
#[allow(clippy::unnecessary_wraps, reason = "an interceptor's signature")]
pub fn send_request_id(request: Request<()>) -> Result<Request<()>, Status> {
    Ok(request.with_request_id())
}

/// Gives every request that a server answers its [`RequestContext`].
///
/// - The **request id** is that of the metadata `x-request-id`, if it is [fit](RequestId::parse) for logs and stands there once; else a
///   new one is made. Every response tells it in the same metadata.
/// - The handler runs in a context with the **operation** `/package.Service/Method`, and in a **span** `request` with the fields
///   `request_id` and `route`, at the level of information.
///
/// A streamed answer is outside the context, from its first message on.
///
/// ```text
/// tonic::transport::Server::builder().layer(resilience::tonic::RequestContextLayer::new()).add_service(orders).serve(address)
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct RequestContextLayer;

impl RequestContextLayer {
    /// The layer.
    pub const fn new() -> Self {
        Self
    }
}

impl<S> Layer<S> for RequestContextLayer {
    type Service = Contextual<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Contextual { inner }
    }
}

/// A service under a [`RequestContextLayer`].
#[derive(Debug, Clone)]
pub struct Contextual<S> {
    inner: S,
}

impl<S, B, R> Service<http::Request<B>> for Contextual<S>
where
    S: Service<http::Request<B>, Response = http::Response<R>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let id = accepted(&request).unwrap_or_else(RequestId::new);
        let route = request.uri().path();
        let span = tracing::info_span!(target: "resilience", "request", request_id = id.as_str(), route);
        let context = RequestContext::with_request_id(id.clone());
        context.set_operation(route);
        let answer = context.clone().sync_scope(|| span.in_scope(|| self.inner.call(request)));
        let answered = async move {
            let mut response = answer.await?;
            if let Ok(id) = HeaderValue::from_str(id.as_str()) {
                response.headers_mut().insert(REQUEST_ID, id);
            }
            Ok(response)
        };
        Box::pin(context.scope(answered).instrument(span))
    }
}

/// The client's own request id.
fn accepted<B>(request: &http::Request<B>) -> Option<RequestId> {
    let mut said = request.headers().get_all(REQUEST_ID).iter();
    let id = said.next().filter(|_| said.next().is_none())?;
    RequestId::parse(id.to_str().ok()?)
}

/// So that one service alone can have the layer.
impl<S: tonic::server::NamedService> tonic::server::NamedService for Contextual<S> {
    const NAME: &'static str = S::NAME;
}
