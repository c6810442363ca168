//! The request id on its way from one service to the next.

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

/// An interceptor that sends the request id of the current [`RequestContext`](crate::RequestContext) along, as the
/// metadata `x-request-id`.
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

/// Gives every request that a server answers its [`RequestContext`](crate::RequestContext).
///
/// - The **request id** is that of the metadata `x-request-id`, if it is [fit](crate::request::RequestId::parse)
///   for logs and stands there once; else a new one is made. A context that is there already, as
///   under axum's `RequestLayer`, stays. Every response tells it in the same metadata.
/// - The handler runs in a context with the **operation** `/package.Service/Method`, and so does a
///   streamed answer.
/// - Both run in a **span** `request` with the fields `request_id` and `route`, at the level of
///   information.
/// - A **panic** of the handler, or of its stream, is an `unexpected_error` in the log, code
///   `PANIC`, with message and place; the client gets `Internal`, which doesn't tell it from any
///   other.
/// - A **success**, an answer that ends with `Ok`, is [told](crate::alert::success) to the alerts.
///
/// ```text
/// tonic::transport::Server::builder().layer(resilience::tonic::RequestContextLayer::new()).add_service(orders).serve(address)
/// ```
///
/// # Panics
///
/// The layer itself doesn't. When it is first put on something it hangs itself in front of the
/// process's panic hook, to learn the place of a panic; the hook that was there runs as before.
#[derive(Debug, Clone, Copy)]
pub struct RequestContextLayer {
    place: &'static Location<'static>,
}

impl RequestContextLayer {
    /// The layer. A panic whose place isn't known has that of this call.
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
        panics::watch();
        Contextual { inner, place: self.place }
    }
}

/// A service under a [`RequestContextLayer`].
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
            Ok(future) => Box::pin(answer(future, scope)),
            Err(panicked) => Box::pin(async move { Ok(answer_to(&panicked, scope)) }),
        }
    }
}

async fn answer<F, R, E>(future: F, scope: Scope) -> Result<http::Response<ContextualBody<R>>, E>
where
    F: Future<Output = Result<http::Response<R>, E>>,
{
    match (Handling { future: Some(future), scope: scope.clone() }).await {
        Ok(response) => {
            let mut response = response?;
            // An answer without a message has its status here.
            scope.ended(response.headers());
            scope.sign(response.headers_mut());
            Ok(response.map(|body| ContextualBody::new(body, scope)))
        }
        Err(panicked) => Ok(answer_to(&panicked, scope)),
    }
}

fn answer_to<R>(panicked: &Panicked, scope: Scope) -> http::Response<ContextualBody<R>> {
    let mut response = scope.failed(panicked).into_http::<()>();
    scope.sign(response.headers_mut());
    response.map(|()| ContextualBody::empty(scope))
}

pin_project! {
    /// A handler's future, in its request's context to the end, and with its panics caught.
    struct Handling<F> {
        #[pin]
        future: Option<F>,
        scope: Scope,
    }

    impl<F> PinnedDrop for Handling<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // Of a handler whose client has gone.
            this.scope.drop_within(|| this.future.set(None));
        }
    }
}

impl<F: Future> Future for Handling<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        this.scope.enter(|| {
            let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Pending };
            let answered = match panics::catch(|| future.poll(cx)) {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(answered)) => Ok(answered),
                Err(panicked) => Err(panicked),
            };
            // What the handler's future holds is dropped here, and may panic as well.
            Poll::Ready(panics::catch(|| this.future.set(None)).and(answered))
        })
    }
}

/// So that one service alone can have the layer.
impl<S: tonic::server::NamedService> tonic::server::NamedService for Contextual<S> {
    const NAME: &'static str = S::NAME;
}
