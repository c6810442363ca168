//! Where an error ends: work that knows who it is done for, and whose failure is one log record.

pub mod exit;
pub(crate) mod panics;
pub mod report;
pub mod request;
pub mod shutdown;

use std::borrow::Cow;
use std::fmt::Display;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;
use tracing::Span;
use tracing::instrument::{Instrument as _, Instrumented};

use crate::layer::classified::Classified;
use crate::{
    Classification, Classify, RequestContext, alert, report::Report, request::RequestId,
    taxonomy::Evidence,
};
use exit::failed_in;

/// The edge of a piece of work, such as a handler, a consumer, a job or a command: what
/// [`#[boundary]`](macro@crate::boundary) writes.
///
/// The work runs in the current [`RequestContext`]; where there is none, in a new one, in a span
/// `boundary` with its operation and request id. An error is reported once, as [`Report`] says, and
/// passed on as it is. So is a panic, with its place.
///
/// ```
/// use resilience::{Boundary, RequestContext, errors::NotFound};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let message_id = "msg-7";
/// let outcome = Boundary::new("charge_order").request_id(message_id).user(&42).run(async {
///     let context = RequestContext::current().unwrap();
///     assert_eq!(context.request_id().as_str(), "msg-7");
///     assert_eq!(context.user().as_deref(), Some("42"));
///     Err::<(), _>(NotFound::new("order", "7")) // one record: WARN expected_error, operation = "charge_order", …
/// });
/// assert!(outcome.await.is_err());
/// # });
/// ```
///
/// # Panics
///
/// It doesn't itself. The first one hangs itself in front of the process's panic hook, to learn the
/// place of a panic; the hook that was there runs as before. A hook that is set later, and doesn't
/// call the one that it replaces, takes the place out of the records.
#[derive(Debug)]
#[must_use = "a boundary does nothing until it runs something"]
pub struct Boundary {
    at: At,
    /// What the new context will hold, where there is none yet.
    new: Option<New>,
}

/// Where a boundary is, and what is done there.
#[derive(Debug, Clone, Copy)]
pub struct At {
    operation: &'static str,
    place: &'static Location<'static>,
}

#[derive(Debug, Default)]
struct New {
    request_id: Option<RequestId>,
    user: Option<Arc<str>>,
    tenant: Option<Arc<str>>,
}

impl Boundary {
    /// The boundary of an operation, such as `"get_user"`, at the place of the call. Whether there
    /// is a context yet is looked up here.
    #[inline]
    #[track_caller]
    pub fn new(operation: &'static str) -> Self {
        panics::watch();
        let new = (!RequestContext::is_there()).then(New::default);
        Self { at: At { operation, place: Location::caller() }, new }
    }

    /// The request id of a new context, such as a message's id: accepted as [`RequestId::parse`]
    /// does, and else made. A context that is there already keeps its own.
    pub fn request_id<N: ContextId + ?Sized>(mut self, id: &N) -> Self {
        if let Some(new) = &mut self.new {
            new.request_id = id.name().and_then(|id| RequestId::parse(&id));
        }
        self
    }

    /// Who the user is, if the name says: for the new context, or the one that is there.
    pub fn user<N: ContextId + ?Sized>(mut self, user: &N) -> Self {
        if let Some(user) = user.name().map(Arc::from) {
            match &mut self.new {
                Some(new) => new.user = Some(user),
                None => _ = RequestContext::current().inspect(|context| context.set_user(user)),
            }
        }
        self
    }

    /// Which tenant it is, if the name says: for the new context, or the one that is there.
    pub fn tenant<N: ContextId + ?Sized>(mut self, tenant: &N) -> Self {
        if let Some(tenant) = tenant.name().map(Arc::from) {
            match &mut self.new {
                Some(new) => new.tenant = Some(tenant),
                None => _ = RequestContext::current().inspect(|context| context.set_tenant(tenant)),
            }
        }
        self
    }

    /// Runs a future within the boundary.
    ///
    /// Dropping it drops the work, and reports nothing.
    ///
    /// # Errors
    /// The future's own, unchanged.
    pub async fn run<T, E: Classify>(
        self,
        future: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        internals::run(self.moved(), internals::report::<E>, future).await
    }

    /// Runs a function within the boundary.
    ///
    /// # Errors
    /// The function's own, unchanged.
    pub fn call<T, E: Classify>(self, function: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        internals::call(self.moved(), internals::report::<E>, function)
    }

    /// Runs where no context is: it may have been made in one that didn't come along, as a task's
    /// doesn't with `tokio::spawn`.
    fn moved(mut self) -> Self {
        if self.new.is_none() && !RequestContext::is_there() {
            self.new = Some(New::default());
        }
        self
    }

    /// The context that has to be made, and its span.
    #[inline]
    fn scope(self) -> Option<(RequestContext, Span)> {
        self.new.map(|new| new.scope(self.at.operation))
    }
}

impl New {
    fn scope(self, operation: &'static str) -> (RequestContext, Span) {
        let Self { request_id, user, tenant } = self;
        let context = RequestContext::with_request_id(request_id.unwrap_or_else(RequestId::new));
        context.set_operation(operation);
        if let Some(user) = user {
            context.set_user(user);
        }
        if let Some(tenant) = tenant {
            context.set_tenant(tenant);
        }
        let request_id = context.request_id().as_str();
        let span = tracing::info_span!(target: "resilience", "boundary", operation, request_id);
        (context, span)
    }
}

impl At {
    /// Reports a panic, which goes on.
    #[inline]
    fn watch<T>(self, work: impl FnOnce() -> T) -> T {
        panics::observe_panic(work, |panicked| panicked.report(Some(self.operation), self.place))
    }

    fn settle<T, E>(self, outcome: &Result<T, E>, report: impl FnOnce(&E, Self)) {
        match outcome {
            Ok(_) => alert::success(self.operation),
            Err(error) => report(error, self),
        }
    }
}

/// What can name a request, a user or a tenant: text, numbers, UUIDs, an `Option` of one, which may
/// have no name.
///
/// For an id of your own type:
///
/// ```
/// use resilience::request::ContextId;
/// use std::borrow::Cow;
///
/// struct UserId(u64);
///
/// impl ContextId for UserId {
///     fn name(&self) -> Option<Cow<'_, str>> {
///         self.0.name()
///     }
/// }
///
/// assert_eq!(UserId(7).name().as_deref(), Some("7"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be used as the id of a request, user or tenant",
    label = "expected a string, a number, or an `Option` of one",
    note = "for your own id type, implement `resilience::request::ContextId`, or write \
            `.to_string()`"
)]
pub trait ContextId {
    /// The name, if there is one.
    fn name(&self) -> Option<Cow<'_, str>>;
}

impl<N: ContextId + ?Sized> ContextId for &N {
    fn name(&self) -> Option<Cow<'_, str>> {
        (**self).name()
    }
}

impl<N: ContextId> ContextId for Option<N> {
    fn name(&self) -> Option<Cow<'_, str>> {
        self.as_ref().and_then(ContextId::name)
    }
}

macro_rules! named {
    ($($name:ty),* => |$this:ident| $text:expr) => {$(
        impl ContextId for $name {
            fn name(&self) -> Option<Cow<'_, str>> {
                let $this = self;
                Some($text)
            }
        }
    )*};
}

named!(str, String, Box<str>, Arc<str>, Cow<'_, str> => |this| Cow::Borrowed(this));
named!(RequestId => |this| Cow::Borrowed(this.as_str()));
named!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, uuid::Uuid => |this| Cow::Owned(this.to_string()));

/// A header of a request. None if it isn't text.
#[cfg(feature = "axum")]
impl ContextId for http::HeaderValue {
    fn name(&self) -> Option<Cow<'_, str>> {
        self.to_str().ok().map(Cow::Borrowed)
    }
}

type InNewContext<F, R> = TaskLocalFuture<RequestContext, Instrumented<Reporting<F, R>>>;

pin_project! {
    /// Work within a boundary.
    #[project = WithinProjected]
    #[allow(missing_debug_implementations)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub enum Within<F, R> {
        /// In the context that was there.
        There { #[pin] work: Reporting<F, R> },
        /// In a new one. Boxed, so that the usual case is as small as the work: a new context allocates as it is.
        New { work: Pin<Box<InNewContext<F, R>>> },
    }
}

pin_project! {
    /// Reports what the work comes to, in the work's own context and span.
    #[allow(missing_debug_implementations)]
    pub struct Reporting<F, R> {
        at: At,
        report: R,
        #[pin]
        work: F,
    }
}

impl<T, E, F: Future<Output = Result<T, E>>, R: Fn(&E, At)> Future for Within<F, R> {
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            WithinProjected::There { work } => work.poll(cx),
            WithinProjected::New { work } => {
                let outcome = work.as_mut().poll(cx);
                if let Poll::Ready(Err(_)) = &outcome
                    && let Some(context) = work.as_mut().take_value()
                {
                    failed_in(context);
                }
                outcome
            }
        }
    }
}

impl<T, E, F: Future<Output = Result<T, E>>, R: Fn(&E, At)> Future for Reporting<F, R> {
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let outcome = this.at.watch(|| this.work.poll(cx));
        if let Poll::Ready(outcome) = &outcome {
            this.at.settle(outcome, &*this.report);
        }
        outcome
    }
}

/// What the expansion calls.
#[allow(missing_docs, clippy::missing_errors_doc, reason = "only the expansion calls these")]
pub mod internals {
    use super::*;

    #[inline]
    pub fn run<T, E, F, R>(boundary: Boundary, report: R, work: F) -> Within<F, R>
    where
        F: Future<Output = Result<T, E>>,
        R: Fn(&E, At),
    {
        let work = Reporting { at: boundary.at, report, work };
        match boundary.scope() {
            None => Within::There { work },
            Some((context, span)) => {
                Within::New { work: Box::pin(context.hold(work.instrument(span))) }
            }
        }
    }

    #[inline]
    pub fn call<T, E>(
        boundary: Boundary,
        report: impl Fn(&E, At),
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let at = boundary.at;
        let work = || {
            let outcome = at.watch(work);
            at.settle(&outcome, report);
            outcome
        };
        match boundary.scope() {
            None => work(),
            Some((context, span)) => {
                let outcome = context.clone().sync_scope(|| span.in_scope(work));
                if outcome.is_err() {
                    failed_in(context);
                }
                outcome
            }
        }
    }

    /// The error classifies itself.
    pub fn report<E: Classify>(error: &E, at: At) {
        Report::new(error).operation(at.operation).at(at.place.file(), at.place.line()).emit();
    }

    /// `classify = …`: says what a foreign error is.
    pub fn report_by<E: Display>(error: &E, by: impl FnOnce(&E) -> Classified<E>, at: At) {
        let classified = by(error);
        let error =
            ByAnother { error, class: classified.class, evidence: (classified.evidence)(error) };
        Report::new(&error)
            .type_name(std::any::type_name::<E>())
            .operation(at.operation)
            .at(at.place.file(), at.place.line())
            .emit();
    }

    struct ByAnother<'a, E> {
        error: &'a E,
        class: Classification,
        evidence: Evidence<'a>,
    }

    impl<E: Display> Display for ByAnother<'_, E> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.error.fmt(f)
        }
    }

    impl<E: Display> Classify for ByAnother<'_, E> {
        fn classify(&self) -> Classification {
            self.class
        }

        fn evidence(&self) -> Evidence<'_> {
            self.evidence
        }
    }
}
