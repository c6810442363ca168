//! Propagates the request id from one service to the next.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tonic::{Request, Status};
use tower_layer::Layer;
use tower_service::Service;

use super::scope::Scope;
use super::{ContextualBody, RequestExt as _};
use crate::boundary::panics::{self, Panicked};

/// An interceptor that sends the id of the current [`RequestContext`](crate::RequestContext) as the
/// metadata `x-request-id`.
///
/// ```text
/// StockClient::with_interceptor(channel, resilience::tonic::send_request_id)
/// ```
///
/// # Errors
/// Never fails. Interceptors must return a `Result`.
#[allow(clippy::unnecessary_wraps, reason = "an interceptor's signature")]
pub fn send_request_id(request: Request<()>) -> Result<Request<()>, Status> {
    Ok(request.with_request_id())
}

/// Gives every request that a server handles a [`RequestContext`](crate::RequestContext).
///
/// - **Request id**: taken from the metadata `x-request-id` if it occurs once and is
///   [valid](crate::request::RequestId::parse), otherwise generated. An existing context, such as
///   one created by axum's `RequestLayer`, is kept. Every response carries the id in the same
///   metadata.
/// - **Operation**: the handler and a streamed response run in a context with the operation
///   `/package.Service/Method`.
/// - **Deadline**: the client's `grpc-timeout` is a deadline of the handler: no `#[retry]` starts a
///   wait that would end after it, and [`context().remaining()`](crate::CallContext::remaining) has
///   what is left, also for the handler's own calls
///   ([`with_time_left`](crate::tonic::RequestExt::with_time_left)). It is tonic's server that
///   stops the handler then.
/// - **Span**: both run in a span `request` at level INFO with the fields `request_id` and `route`.
/// - **Panics** of the handler or its stream are logged as `unexpected_error` with the code
///   `PANIC`, the message and the location. The client receives the same `Internal` as for any
///   other error.
/// - **Clients that disconnect** or cancel before the response is complete leave the event
///   `request_abandoned` at INFO, with the operation and the request id.
/// - **Successes** (responses that end with `Ok`) are [recorded](crate::alert::success) for alerts.
///
/// ```text
/// tonic::transport::Server::builder().layer(resilience::tonic::RequestContextLayer::new()).add_service(orders).serve(address)
/// ```
///
/// # Panic hook
///
/// The first use installs a panic hook that records the location of panics and then calls the
/// previous hook.
#[derive(Debug, Clone, Copy)]
pub struct RequestContextLayer {
    place: &'static Location<'static>,
}

impl RequestContextLayer {
    /// Creates the layer. A panic with an unknown location is logged with that of this call.
    #[track_caller]
    pub const fn new() -> Self {
        Self { place: Location::caller() }
    }
}

impl Default for RequestContextLayer {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for RequestContextLayer {
    type Service = Contextual<S>;

    fn layer(&self, inner: S) -> Self::Service {
        panics::install_hook();
        Contextual { inner, place: self.place }
    }
}

/// The service created by [`RequestContextLayer`].
#[derive(Debug, Clone)]
pub struct Contextual<S> {
    inner: S,
    place: &'static Location<'static>,
}

impl<S, B, R> Service<http::Request<B>> for Contextual<S>
where
    S: Service<http::Request<B>, Response = http::Response<R>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    R: 'static,
{
    type Response = http::Response<ContextualBody<R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let scope = Scope::begin(&request, self.place);
        match scope.enter(|| panics::catch(|| self.inner.call(request))) {
            Ok(future) => Box::pin(respond(future, scope)),
            Err(panicked) => Box::pin(async move { Ok(panic_response(&panicked, scope)) }),
        }
    }
}

async fn respond<F, R, E>(future: F, scope: Scope) -> Result<http::Response<ContextualBody<R>>, E>
where
    F: Future<Output = Result<http::Response<R>, E>>,
{
    match (HandlerFuture { future: Some(future), scope: scope.clone() }).await {
        Ok(response) => {
            let mut response = response?;
            // A response without messages has its status in the headers.
            scope.record_success(response.headers());
            scope.set_request_id(response.headers_mut());
            Ok(response.map(|body| ContextualBody::new(body, scope)))
        }
        Err(panicked) => Ok(panic_response(&panicked, scope)),
    }
}

fn panic_response<R>(panicked: &Panicked, scope: Scope) -> http::Response<ContextualBody<R>> {
    let mut response = scope.panic_status(panicked).into_http::<()>();
    scope.set_request_id(response.headers_mut());
    response.map(|()| ContextualBody::empty(scope))
}

pin_project! {
    /// A handler's future, polled and dropped in its request's context, with panics caught.
    struct HandlerFuture<F> {
        #[pin]
        future: Option<F>,
        scope: Scope,
    }

    impl<F> PinnedDrop for HandlerFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let unfinished = this.future.is_some();
            this.scope.drop_within(|| {
                this.scope.catch_drop_panic(|| this.future.set(None));
                // The client has disconnected before the handler finished.
                if unfinished {
                    this.scope.log_abandoned("handler");
                }
            });
        }
    }
}

impl<F: Future> Future for HandlerFuture<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        this.scope.enter(|| {
            let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Pending };
            let outcome = match panics::catch(|| future.poll(cx)) {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(outcome)) => Ok(outcome),
                Err(panicked) => Err(panicked),
            };
            // This drops the handler's future, which may panic too.
            Poll::Ready(panics::catch(|| this.future.set(None)).and(outcome))
        })
    }
}

/// Allows the layer to wrap a single service.
impl<S: tonic::server::NamedService> tonic::server::NamedService for Contextual<S> {
    const NAME: &'static str = S::NAME;
}
