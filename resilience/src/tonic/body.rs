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
    /// The messages of an answer under a [`RequestContextLayer`](super::RequestContextLayer): each is made in the request's context.
    pub struct ContextualBody<B> {
        // None once it has panicked.
        #[pin]
        body: Option<B>,
        scope: Scope,
    }

    impl<B> PinnedDrop for ContextualBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // Of a client that has gone, in the middle of it.
            this.scope.drop_within(|| this.body.set(None));
        }
    }
}

impl<B> ContextualBody<B> {
    pub(super) fn new(body: B, scope: Scope) -> Self {
        Self { body: Some(body), scope }
    }

    /// Without a message: the status stands among the headers.
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
                        scope.ended(trailers);
                    }
                }
                Poll::Ready(frame)
            }
            Err(panicked) => {
                // What a panic has left behind may panic again when it is dropped.
                let _ = scope.enter(|| panics::catch(|| this.body.set(None)));
                // A stream of messages ends with its status, so that the client doesn't take the
                // half for the whole.
                Poll::Ready(Some(Ok(Frame::trailers(trailers(&scope.failed(&panicked))))))
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
    // Only a text that can't stand in a header is an error, and ours is the generic one.
    let _ = status.add_header(&mut trailers);
    trailers
}

impl<B> fmt::Debug for ContextualBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextualBody").field("scope", &self.scope).finish_non_exhaustive()
    }
}
