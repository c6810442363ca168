use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use pin_project_lite::pin_project;

use super::body::ScopedBody;
use super::limit::Limit;
use super::scope::Scope;
use super::{convert, response};
use crate::Rejected;
use crate::boundary::abandoned;
use crate::boundary::panics::{self, Panicked};

pin_project! {
    /// The future returned by [`RequestService`](super::RequestService).
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
        // None if an outer layer handles the request.
        scope: Option<Scope>,
        limit: Option<Limit>,
        answered: bool,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let Some(scope) = this.scope else { return };
            let answered = *this.answered;
            scope.drop_within(|| {
                if let Err(panicked) = panics::catch(|| this.state.set(State::Done)) {
                    panicked.report(None, scope.settings.place);
                }
                // The client has disconnected before the handler finished.
                if !answered {
                    abandoned::log(&scope.context, "handler");
                }
            });
        }
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Calling { #[pin] future: F },
        Converting { conversion: Pin<Box<dyn Future<Output = Response> + Send>> },
        Panicked { panicked: Panicked },
        TimedOut { rejected: Rejected },
        Done,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn pass_through(future: F) -> Self {
        Self { state: State::Calling { future }, scope: None, limit: None, answered: false }
    }

    pub(super) fn calling(future: F, scope: Scope, limit: Option<Limit>) -> Self {
        Self { state: State::Calling { future }, scope: Some(scope), limit, answered: false }
    }

    pub(super) fn panicked(panicked: Panicked, scope: Scope) -> Self {
        let state = State::Panicked { panicked };
        Self { state, scope: Some(scope), limit: None, answered: false }
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
                    let poll =
                        || panics::catch(|| future.poll(cx).map_ok(IntoResponse::into_response));
                    let polled = scope.enter(|| match &*this.limit {
                        Some(limit) => limit.during(poll),
                        None => poll(),
                    });
                    match polled {
                        Ok(Poll::Pending) => {
                            let Some(limit) = this.limit else { return Poll::Pending };
                            State::TimedOut { rejected: ready!(limit.poll(cx)) }
                        }
                        Ok(Poll::Ready(Err(error))) => {
                            *this.answered = true;
                            return Poll::Ready(Err(error));
                        }
                        Ok(Poll::Ready(Ok(response))) => match settle(response, scope) {
                            Ok(Settled::Finished(response)) => {
                                *this.answered = true;
                                return Poll::Ready(Ok(response));
                            }
                            Ok(Settled::ToConvert(response)) => State::Converting {
                                conversion: Box::pin(convert::to_problem(response, scope.clone())),
                            },
                            Err(panicked) => State::Panicked { panicked },
                        },
                        Err(panicked) => State::Panicked { panicked },
                    }
                }
                StateProjection::Converting { conversion } => {
                    match scope.enter(|| panics::catch(|| conversion.as_mut().poll(cx))) {
                        Ok(Poll::Pending) => return Poll::Pending,
                        Ok(Poll::Ready(mut response)) => {
                            scope.set_request_id(response.headers_mut());
                            this.state.set(State::Done);
                            *this.answered = true;
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
                    *this.answered = true;
                    return Poll::Ready(Ok(response));
                }
                StateProjection::TimedOut { rejected } => {
                    let mut response = scope.enter(|| response::for_timeout(*rejected, scope));
                    scope.set_request_id(response.headers_mut());
                    this.state.set(State::Done);
                    *this.answered = true;
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

/// A handler's response, after a look at its body.
enum Settled {
    Finished(Response),
    ToConvert(Response),
}

/// Finishes a handler's response, unless it has to be converted. Its body's methods may panic, and
/// so may dropping it.
fn settle(mut response: Response, scope: &Scope) -> Result<Settled, Panicked> {
    response::discard_if_replaced(&mut response);
    match panics::catch(|| convert::applies_to(&response, scope)) {
        Ok(true) => Ok(Settled::ToConvert(response)),
        Ok(false) => panics::catch(|| Settled::Finished(finish(response, scope))),
        Err(panicked) => {
            let _ = scope.enter(|| panics::catch(|| drop(response)));
            Err(panicked)
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
    response.map(|body| ScopedBody::wrap(body, scope))
}

/// A failed gRPC call also has status 200. Its result is in the trailers, which gRPC's own layer
/// reads.
fn is_grpc(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}
