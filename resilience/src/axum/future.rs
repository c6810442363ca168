use std::pin::Pin;
use std::task::{Context, Poll};

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use pin_project_lite::pin_project;

use super::body::ScopedBody;
use super::scope::Scope;
use super::{convert, response};
use crate::boundary::panics::{self, Panicked};

pin_project! {
    /// The future returned by [`RequestService`](super::RequestService).
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
        // None if an outer layer handles the request.
        scope: Option<Scope>,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // The client may have disconnected before the handler finished.
            if let Some(scope) = this.scope {
                scope.drop_within(|| this.state.set(State::Done));
            }
        }
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Calling { #[pin] future: F },
        Converting { conversion: Pin<Box<dyn Future<Output = Response> + Send>> },
        Panicked { panicked: Panicked },
        Done,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn pass_through(future: F) -> Self {
        Self { state: State::Calling { future }, scope: None }
    }

    pub(super) fn calling(future: F, scope: Scope) -> Self {
        Self { state: State::Calling { future }, scope: Some(scope) }
    }

    pub(super) fn panicked(panicked: Panicked, scope: Scope) -> Self {
        Self { state: State::Panicked { panicked }, scope: Some(scope) }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<R, E>>,
    R: IntoResponse,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(scope) = this.scope.as_ref() else {
            return match this.state.project() {
                StateProjection::Calling { future } => {
                    future.poll(cx).map_ok(IntoResponse::into_response)
                }
                _ => Poll::Pending,
            };
        };
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Calling { future } => {
                    let polled = scope.enter(|| {
                        panics::catch(|| future.poll(cx).map_ok(IntoResponse::into_response))
                    });
                    match polled {
                        Ok(Poll::Pending) => return Poll::Pending,
                        Ok(Poll::Ready(Err(error))) => return Poll::Ready(Err(error)),
                        Ok(Poll::Ready(Ok(mut response))) => {
                            response::discard_if_replaced(&mut response);
                            if !convert::applies_to(&response, scope) {
                                return Poll::Ready(Ok(finish(response, scope)));
                            }
                            State::Converting {
                                conversion: Box::pin(convert::to_problem(response, scope.clone())),
                            }
                        }
                        Err(panicked) => State::Panicked { panicked },
                    }
                }
                StateProjection::Converting { conversion } => {
                    match scope.enter(|| panics::catch(|| conversion.as_mut().poll(cx))) {
                        Ok(Poll::Pending) => return Poll::Pending,
                        Ok(Poll::Ready(mut response)) => {
                            scope.set_request_id(response.headers_mut());
                            this.state.set(State::Done);
                            return Poll::Ready(Ok(response));
                        }
                        Err(panicked) => State::Panicked { panicked },
                    }
                }
                StateProjection::Panicked { panicked } => {
                    let mut response = scope.enter(|| {
                        panicked.report(None, scope.settings.place);
                        response::for_panic(scope)
                    });
                    scope.set_request_id(response.headers_mut());
                    this.state.set(State::Done);
                    return Poll::Ready(Ok(response));
                }
                // Polled after completion.
                StateProjection::Done => return Poll::Pending,
            };
            // This drops the handler's future, which may panic too.
            if let Err(again) = scope.enter(|| panics::catch(|| this.state.set(next))) {
                this.state.set(State::Panicked { panicked: again });
            }
        }
    }
}

/// Applies the layer's settings to a handler's response.
fn finish(mut response: Response, scope: &Scope) -> Response {
    response::rewrite_problem(&mut response, scope);
    if response.status().as_u16() < 400 && !is_grpc(&response) {
        if let Some(operation) = scope.context.operation() {
            crate::alert::success(&operation);
        }
    }
    scope.set_request_id(response.headers_mut());
    response.map(|body| ScopedBody::wrap(body, scope.clone()))
}

/// A failed gRPC call also has status 200. Its result is in the trailers, which gRPC's own layer
/// reads.
fn is_grpc(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}
