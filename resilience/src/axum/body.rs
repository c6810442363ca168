use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};

use super::scope::Scope;
use crate::boundary::abandoned;
use crate::boundary::panics::{self, Panicked};

/// A streamed body that is polled in its request's context, with panics caught.
pub(super) struct ScopedBody {
    /// `None` once it has ended or panicked.
    body: Option<Body>,
    scope: Scope,
    /// Whether a method that can't return an error has panicked.
    panicked: AtomicBool,
    /// How many bytes are left, if the body is being sent and its length is known.
    left: Option<u64>,
    sending: bool,
}

impl ScopedBody {
    /// Wraps a body, unless it is already complete. Calls its `is_end_stream`, which may panic.
    pub(super) fn wrap(body: Body, scope: &Scope) -> Body {
        if body.is_end_stream() {
            return body;
        }
        Body::new(Self {
            body: Some(body),
            scope: scope.clone(),
            panicked: AtomicBool::new(false),
            left: None,
            sending: false,
        })
    }

    /// Calls a method that can't return an error.
    fn catch<T>(&self, method: impl FnOnce(&Body) -> T, ended: T, panicked: T) -> T {
        let Some(body) = &self.body else { return ended };
        if self.panicked.load(Relaxed) {
            return panicked;
        }
        panics::catch(|| method(body)).unwrap_or_else(|caught| {
            self.panicked.store(true, Relaxed);
            self.report(&caught);
            panicked
        })
    }

    fn report(&self, panicked: &Panicked) {
        self.scope.enter(|| panicked.report(None, self.scope.settings.place));
    }

    /// Drops the body, which may panic.
    fn close(&mut self) {
        let body = self.body.take();
        self.scope.drop_within(|| {
            if let Err(panicked) = panics::catch(|| drop(body)) {
                panicked.report(None, self.scope.settings.place);
            }
        });
    }

    fn broken() -> BoxError {
        // An error rather than an end, so that the client sees a truncated body as such.
        "the body panicked".into()
    }
}

impl Drop for ScopedBody {
    fn drop(&mut self) {
        if self.body.is_none() {
            return;
        }
        let incomplete = self.sending
            && !self.scope.is_head
            && self.left != Some(0)
            && !self.catch(HttpBody::is_end_stream, true, true);
        self.close();
        if incomplete {
            // The client has disconnected mid-body.
            self.scope.drop_within(|| abandoned::log(&self.scope.context, "body"));
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
        let this = &mut *self;
        if this.panicked.load(Relaxed) && this.body.is_some() {
            this.close();
            return Poll::Ready(Some(Err(Self::broken())));
        }
        if !this.sending {
            this.sending = true;
            this.left = this.size_hint().exact();
        }
        let Self { body, scope, left, .. } = this;
        let Some(alive) = body else { return Poll::Ready(None) };
        match scope.enter(|| panics::catch(|| Pin::new(alive).poll_frame(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Some(Ok(frame)))) => {
                if let (Some(left), Some(data)) = (left, frame.data_ref()) {
                    *left = left.saturating_sub(data.len() as u64);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Ok(Poll::Ready(Some(Err(error)))) => {
                scope.enter(|| super::response::report_body_error(&error, scope));
                this.close();
                Poll::Ready(Some(Err(error.into())))
            }
            Ok(Poll::Ready(None)) => {
                this.close();
                Poll::Ready(None)
            }
            Err(panicked) => {
                this.report(&panicked);
                this.close();
                Poll::Ready(Some(Err(Self::broken())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.catch(HttpBody::is_end_stream, true, false)
    }

    fn size_hint(&self) -> SizeHint {
        self.catch(HttpBody::size_hint, SizeHint::with_exact(0), SizeHint::default())
    }
}
