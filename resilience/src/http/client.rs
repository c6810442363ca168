//! A client whose failed connections are certain to have sent nothing.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use reqwest::{ClientBuilder, redirect::Policy};
use tower_layer::Layer;
use tower_service::Service;

use crate::error::NotConnected;

/// Builds a client for calls that must not be made twice.
pub trait ClientBuilderExt: Sized {
    /// Turns redirects off, and lets the client's errors say so: a connection that failed is then
    /// certain to have sent nothing, and is retried even under `#[retry(non_idempotent)]`. Except
    /// for a `connect_timeout`, after which that isn't certain.
    ///
    /// With redirects, the callee may have received the request, and an error of the connection to
    /// where it redirects us looks the same. A redirect is now an answer, and `checked(…)` returns
    /// it as an error.
    ///
    /// ```
    /// use resilience::http::ClientBuilderExt as _;
    ///
    /// let payments = reqwest::Client::builder().without_redirects().build()?;
    /// # Ok::<_, reqwest::Error>(())
    /// ```
    #[must_use]
    fn without_redirects(self) -> Self;
}

impl ClientBuilderExt for ClientBuilder {
    fn without_redirects(self) -> Self {
        self.redirect(Policy::none()).connector_layer(MarkFailures)
    }
}

#[derive(Clone, Copy)]
struct MarkFailures;

impl<S> Layer<S> for MarkFailures {
    type Service = Marking<S>;

    fn layer(&self, connector: S) -> Marking<S> {
        Marking(connector)
    }
}

/// A connector whose errors are marked.
#[derive(Clone)]
struct Marking<S>(S);

type BoxError = Box<dyn Error + Send + Sync>;

impl<R, S> Service<R> for Marking<S>
where
    S: Service<R, Error = BoxError, Future: Send + 'static>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, target: R) -> Self::Future {
        let connection = self.0.call(target);
        Box::pin(async { connection.await.map_err(|error| NotConnected(error).into()) })
    }
}
