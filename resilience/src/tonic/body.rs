use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tonic::Status;

use super::scope::Scope;
use crate::boundary::panics;

pin_project! {
    /// A response body that is polled in its request's context. See
    /// [`RequestContextLayer`](super::RequestContextLayer).
    pub struct ContextualBody<B> {
        // `None` once it has panicked.
        #[pin]
        body: Option<B>,
        scope: Scope,
    }

    impl<B> PinnedDrop for ContextualBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // The client may have disconnected mid-body.
            this.scope.drop_within(|| this.body.set(None));
        }
    }
}

impl<B> ContextualBody<B> {
    pub(super) fn new(body: B, scope: Scope) -> Self {
        Self { body: Some(body), scope }
    }

    /// A body without messages, for a response that has its status in the headers.
    pub(super) fn empty(scope: Scope) -> Self {
        Self { body: None, scope }
    }
}

impl<B: Body> Body for ContextualBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let scope = &*this.scope;
        let Some(body) = this.body.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        match scope.enter(|| panics::catch(|| body.poll_frame(cx))) {
            Ok(polled) => {
                let frame = ready!(polled);
                if let Some(Ok(frame)) = &frame {
                    if let Some(trailers) = frame.trailers_ref() {
                        scope.record_success(trailers);
                    }
                }
                Poll::Ready(frame)
            }
            Err(panicked) => {
                // Dropping the body after a panic may panic again.
                let _ = scope.enter(|| panics::catch(|| this.body.set(None)));
                // End the stream with an error status, so that the client sees it as truncated.
                Poll::Ready(Some(Ok(Frame::trailers(trailers(&scope.panic_status(&panicked))))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

fn trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    // This only fails for a message that isn't a valid header value, and ours is a constant.
    let _ = status.add_header(&mut trailers);
    trailers
}

impl<B> fmt::Debug for ContextualBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextualBody").field("scope", &self.scope).finish_non_exhaustive()
    }
}
