use std::pin::Pin;
use std::task::{Context, Poll};

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};

use super::scope::Scope;
use crate::boundary::panics;

/// A streamed body that is polled in its request's context, with panics caught.
pub(super) struct ScopedBody {
    /// `None` once it has panicked.
    body: Option<Body>,
    scope: Scope,
}

impl ScopedBody {
    /// Wraps a body, unless it is already complete.
    pub(super) fn wrap(body: Body, scope: Scope) -> Body {
        if body.is_end_stream() { body } else { Body::new(Self { body: Some(body), scope }) }
    }
}

impl Drop for ScopedBody {
    /// The client may have disconnected mid-body.
    fn drop(&mut self) {
        if let Some(body) = self.body.take() {
            self.scope.drop_within(|| drop(body));
        }
    }
}

impl HttpBody for ScopedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let Self { body, scope } = &mut *self;
        let Some(alive) = body else { return Poll::Ready(None) };
        match scope.enter(|| panics::catch(|| Pin::new(alive).poll_frame(cx))) {
            Ok(Poll::Ready(Some(Err(error)))) => {
                scope.enter(|| super::response::report_body_error(&error, scope));
                Poll::Ready(Some(Err(error.into())))
            }
            Ok(polled) => polled.map_err(Into::into),
            Err(panicked) => {
                scope.enter(|| {
                    panicked.report(None, scope.settings.place);
                    // Dropping the body after a panic may panic again.
                    let _ = panics::catch(|| *body = None);
                });
                // An error rather than an end, so that the client sees a truncated body as such.
                Poll::Ready(Some(Err("the body panicked".into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}
