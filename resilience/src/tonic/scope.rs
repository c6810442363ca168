use std::panic::Location;

use http::{HeaderMap, HeaderValue};
use tonic::Status;
use tracing::Span;

use super::{REQUEST_ID, status};
use crate::boundary::panics::Panicked;
use crate::errors::Internal;
use crate::{RequestContext, request::RequestId};

/// What holds while one request is answered.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    context: RequestContext,
    span: Span,
    /// Where the layer was made.
    place: &'static Location<'static>,
}

impl Scope {
    pub(super) fn begin<B>(request: &http::Request<B>, place: &'static Location<'static>) -> Self {
        let id = || accepted(request).unwrap_or_else(RequestId::new);
        let context =
            RequestContext::current().unwrap_or_else(|| RequestContext::with_request_id(id()));
        let (request_id, route) = (context.request_id().as_str(), request.uri().path());
        let span = tracing::info_span!(target: "resilience", "request", request_id, route);
        context.set_operation(route);
        Self { context, span, place }
    }

    /// Runs a function in the request's context and span.
    pub(super) fn enter<T>(&self, function: impl FnOnce() -> T) -> T {
        self.context.clone().sync_scope(|| self.span.in_scope(function))
    }

    /// Drops something in the request's context and span.
    pub(super) fn drop_within(&self, drops: impl FnOnce()) {
        self.context.clone().drop_within(&self.span, drops);
    }

    /// Tells the alerts of a success, if headers or trailers say that it was one.
    pub(super) fn ended(&self, metadata: &HeaderMap) {
        if metadata.get(Status::GRPC_STATUS).is_some_and(|code| code == "0") {
            if let Some(operation) = self.context.operation() {
                crate::alert::success(&operation);
            }
        }
    }

    /// Reports a panic, and says what the client is to know of it.
    pub(super) fn failed(&self, panicked: &Panicked) -> Status {
        self.enter(|| {
            panicked.report(None, self.place);
            // The same as of any other bug.
            status::of("", &Internal::new("panicked"))
        })
    }

    /// Tells the request id.
    pub(super) fn sign(&self, headers: &mut HeaderMap) {
        // What `RequestId` accepts is fit for a header.
        if let Ok(id) = HeaderValue::from_str(self.context.request_id().as_str()) {
            headers.insert(REQUEST_ID, id);
        }
    }
}

/// The client's own request id.
fn accepted<B>(request: &http::Request<B>) -> Option<RequestId> {
    let mut said = request.headers().get_all(REQUEST_ID).iter();
    let id = said.next().filter(|_| said.next().is_none())?;
    RequestId::parse(id.to_str().ok()?)
}
