use std::panic::Location;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use tonic::Status;
use tracing::Span;

use super::{REQUEST_ID, deadline, status};
use crate::boundary::abandoned;
use crate::boundary::panics::{self, Panicked};
use crate::errors::Internal;
use crate::layer::context as call_context;
use crate::timeout::Deadline;
use crate::{RequestContext, request::RequestId};

/// The state of one request.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    context: RequestContext,
    span: Span,
    /// Where the layer was created.
    place: &'static Location<'static>,
    deadline: Option<Arc<Deadline<'static>>>,
}

impl Scope {
    pub(super) fn begin<B>(request: &http::Request<B>, place: &'static Location<'static>) -> Self {
        let id = || client_request_id(request).unwrap_or_else(RequestId::new);
        let context =
            RequestContext::current().unwrap_or_else(|| RequestContext::with_request_id(id()));
        let (request_id, route) = (context.request_id().as_str(), request.uri().path());
        let span = tracing::info_span!(target: "resilience", "request", request_id, route);
        context.set_operation(route);
        Self { context, span, place, deadline: deadline::of(request.headers()) }
    }

    /// Runs a function in the request's context and span, and within its deadline.
    pub(super) fn enter<T>(&self, function: impl FnOnce() -> T) -> T {
        match &self.deadline {
            Some(deadline) => call_context::within(deadline, || self.enter_context(function)),
            None => self.enter_context(function),
        }
    }

    fn enter_context<T>(&self, function: impl FnOnce() -> T) -> T {
        self.context.clone().sync_scope(|| self.span.in_scope(function))
    }

    /// Drops something in the request's context and span.
    pub(super) fn drop_within(&self, drops: impl FnOnce()) {
        self.context.clone().drop_within(&self.span, drops);
    }

    /// Records a success for alerts if the headers or trailers have the status `Ok`.
    pub(super) fn record_success(&self, metadata: &HeaderMap) {
        if metadata.get(Status::GRPC_STATUS).is_some_and(|code| code == "0") {
            if let Some(operation) = self.context.operation() {
                crate::alert::success(&operation);
            }
        }
    }

    /// Reports a panic and returns the status for the client.
    pub(super) fn panic_status(&self, panicked: &Panicked) -> Status {
        self.enter(|| self.report(panicked));
        self.internal_status()
    }

    /// The status after a panic: the same as for any other bug.
    pub(super) fn internal_status(&self) -> Status {
        self.enter(|| status::of("", &Internal::new("panicked")))
    }

    pub(super) fn report(&self, panicked: &Panicked) {
        panicked.report(None, self.place);
    }

    /// Reports a panic of a destructor.
    pub(super) fn catch_drop_panic(&self, drops: impl FnOnce()) {
        if let Err(panicked) = panics::catch(drops) {
            self.report(&panicked);
        }
    }

    pub(super) fn log_abandoned(&self, part: &'static str) {
        abandoned::log(&self.context, part);
    }

    /// Adds the request id to a response's headers.
    pub(super) fn set_request_id(&self, headers: &mut HeaderMap) {
        // Every valid `RequestId` is a valid header value.
        if let Ok(id) = HeaderValue::from_str(self.context.request_id().as_str()) {
            headers.insert(REQUEST_ID, id);
        }
    }
}

/// The client's request id, if there is exactly one and it is valid.
fn client_request_id<B>(request: &http::Request<B>) -> Option<RequestId> {
    let mut ids = request.headers().get_all(REQUEST_ID).iter();
    let id = ids.next().filter(|_| ids.next().is_none())?;
    RequestId::parse(id.to_str().ok()?)
}
