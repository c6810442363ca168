use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
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
        // Whether a method that can't return an error has panicked.
        panicked: AtomicBool,
        progress: Progress,
    }

    impl<B> PinnedDrop for ContextualBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let abandoned = matches!(this.progress, Progress::Sending);
            this.scope.drop_within(|| {
                this.scope.catch_drop_panic(|| this.body.set(None));
                // The client has disconnected mid-body.
                if abandoned {
                    this.scope.log_abandoned("body");
                }
            });
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Progress {
    Waiting,
    Sending,
    Ended,
}

impl<B> ContextualBody<B> {
    pub(super) fn new(body: B, scope: Scope) -> Self {
        Self {
            body: Some(body),
            scope,
            panicked: AtomicBool::new(false),
            progress: Progress::Waiting,
        }
    }

    /// Calls a method that can't return an error.
    fn catch<T>(&self, method: impl FnOnce(&B) -> T, ended: T, panicked: T) -> T {
        let Some(body) = &self.body else { return ended };
        if self.panicked.load(Relaxed) {
            return panicked;
        }
        panics::catch(|| method(body)).unwrap_or_else(|caught| {
            self.panicked.store(true, Relaxed);
            self.scope.enter(|| self.scope.report(&caught));
            panicked
        })
    }

    /// A body without messages, for a response that has its status in the headers.
    pub(super) fn empty(scope: Scope) -> Self {
        Self { body: None, scope, panicked: AtomicBool::new(false), progress: Progress::Ended }
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
        if this.panicked.load(Relaxed) && this.body.is_some() {
            *this.progress = Progress::Ended;
            scope.drop_within(|| scope.catch_drop_panic(|| this.body.set(None)));
            return Poll::Ready(Some(Ok(Frame::trailers(trailers(&scope.internal_status())))));
        }
        let Some(body) = this.body.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        if matches!(this.progress, Progress::Waiting) {
            *this.progress = Progress::Sending;
        }
        match scope.enter(|| panics::catch(|| body.poll_frame(cx))) {
            Ok(polled) => {
                let frame = ready!(polled);
                match &frame {
                    Some(Ok(frame)) => {
                        if let Some(trailers) = frame.trailers_ref() {
                            scope.record_success(trailers);
                            *this.progress = Progress::Ended;
                        }
                    }
                    Some(Err(_)) | None => *this.progress = Progress::Ended,
                }
                Poll::Ready(frame)
            }
            Err(panicked) => {
                *this.progress = Progress::Ended;
                // Dropping the body after a panic may panic again.
                let _ = scope.enter(|| panics::catch(|| this.body.set(None)));
                // End the stream with an error status, so that the client sees it as truncated.
                Poll::Ready(Some(Ok(Frame::trailers(trailers(&scope.panic_status(&panicked))))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.catch(B::is_end_stream, true, false)
    }

    fn size_hint(&self) -> SizeHint {
        self.catch(B::size_hint, SizeHint::with_exact(0), SizeHint::default())
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
