use std::sync::Arc;
use std::task::{Context, Poll};

use axum::http::Request;
use axum::response::{IntoResponse, Response};
use tower_service::Service;

use super::ResponseFuture;
use super::limit::Limit;
use super::scope::Scope;
use super::settings::Settings;
use crate::boundary::panics;

/// The service created by [`RequestLayer`](super::RequestLayer).
#[derive(Debug, Clone)]
pub struct RequestService<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> RequestService<S> {
    pub(super) fn new(inner: S, settings: Arc<Settings>) -> Self {
        Self { inner, settings }
    }
}

impl<S, B> Service<Request<B>> for RequestService<S>
where
    S: Service<Request<B>>,
    S::Response: IntoResponse,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let scope = Scope::begin(&self.settings, &mut parts);
        let limit = scope.as_ref().and_then(|_| Limit::of(&self.settings, &parts.headers));
        let request = Request::from_parts(parts, body);
        match scope {
            None => ResponseFuture::pass_through(self.inner.call(request)),
            Some(scope) => match scope.enter(|| panics::catch(|| self.inner.call(request))) {
                Ok(future) => ResponseFuture::calling(future, scope, limit),
                Err(panicked) => ResponseFuture::panicked(panicked, scope),
            },
        }
    }
}
