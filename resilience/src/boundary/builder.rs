use std::fmt::{self, Display};
use std::panic::Location;
use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing::{Level, Span};

use super::info::BoundaryInfo;
use super::panics;
use crate::observe::request::{ContextId, Current, RequestContext, RequestId};

/// The edge of a piece of work, such as a handler, a consumer, a job or a command: what
/// [`#[boundary]`](macro@crate::boundary) writes.
///
/// The work runs in the current [`RequestContext`]. If there is none, the boundary provides one,
/// and a span `boundary` with its operation and request id. The id is generated when it is first
/// needed: by the span, by a log record, or by the work. An error is reported once, as described in
/// [`Report`](crate::report::Report), and returned unchanged. A panic is reported with its place,
/// and continues.
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
///     Err::<(), _>(NotFound::new("order", "7")) // one record: WARN expected_error: NOT_FOUND in charge_order, operation = "charge_order", …
/// });
/// assert!(outcome.await.is_err());
/// # });
/// ```
///
/// # Panics
///
/// The boundary itself doesn't panic. Its first use installs a panic hook, which records the place
/// of a panic and then runs the existing hook. If a hook is set later and doesn't call the one it
/// replaces, records no longer contain the place.
#[derive(Debug)]
#[must_use = "a boundary does nothing until it runs something"]
pub struct Boundary {
    pub(super) info: BoundaryInfo,
    context: ContextSource,
}

/// Where the context of the work comes from.
#[derive(Debug)]
enum ContextSource {
    /// The current context.
    Current,
    /// A new context, created when it is first used.
    Lazy,
    /// A new context with these contents.
    New(Box<NewContext>),
}

#[derive(Debug, Default)]
struct NewContext {
    request_id: Option<RequestId>,
    user: Option<Arc<str>>,
    tenant: Option<Arc<str>>,
    trace_parent: Option<Box<str>>,
}

impl Boundary {
    /// Creates the boundary of an operation, such as `"get_user"`, at the place of the call. Checks
    /// whether there is a current context.
    #[inline]
    #[track_caller]
    pub fn new(operation: &'static str) -> Self {
        panics::install_hook();
        let info = BoundaryInfo { operation, place: Location::caller() };
        Self { info, context: ContextSource::detect() }
    }

    /// Sets the request id of a new context, such as the id of a message. It is validated by
    /// [`RequestId::parse`]; an invalid id is replaced by a new one. An existing context keeps its
    /// id.
    pub fn request_id<N: ContextId + ?Sized>(mut self, id: &N) -> Self {
        if let Some(new) = self.context.new_context() {
            new.request_id = id.id().and_then(|id| RequestId::parse(&id));
        }
        self
    }

    /// Sets the user, if there is an id: in the new context, or in the existing one.
    pub fn user<N: ContextId + ?Sized>(mut self, user: &N) -> Self {
        if let Some(user) = user.id().map(Arc::from) {
            match self.context.new_context() {
                Some(new) => new.user = Some(user),
                None => _ = RequestContext::current().inspect(|context| context.set_user(user)),
            }
        }
        self
    }

    /// Sets the tenant, if there is an id: in the new context, or in the existing one.
    pub fn tenant<N: ContextId + ?Sized>(mut self, tenant: &N) -> Self {
        if let Some(tenant) = tenant.id().map(Arc::from) {
            match self.context.new_context() {
                Some(new) => new.tenant = Some(tenant),
                None => _ = RequestContext::current().inspect(|context| context.set_tenant(tenant)),
            }
        }
        self
    }

    /// Sets the W3C `traceparent` of the work, such as that of a message: in the new context, or in
    /// the existing one. A text of another form is ignored.
    pub fn trace_parent<N: ContextId + ?Sized>(mut self, trace_parent: &N) -> Self {
        if let Some(text) = trace_parent.id() {
            match self.context.new_context() {
                Some(new) => new.trace_parent = Some(text.into()),
                None => {
                    _ = RequestContext::current()
                        .inspect(|context| context.set_trace_parent(&text));
                }
            }
        }
        self
    }

    /// Provides a context if none is current here, for example because the boundary was built
    /// outside `tokio::spawn`.
    pub(super) fn or_new_context(mut self) -> Self {
        if matches!(self.context, ContextSource::Current) {
            self.context = ContextSource::detect();
        }
        self
    }

    /// The new context and its span, or `None` if the current context is used.
    #[inline]
    pub(super) fn new_context(self) -> Option<(Current, Option<Span>)> {
        let operation = self.info.operation;
        let current = match self.context {
            ContextSource::Current => return None,
            ContextSource::Lazy => Current::lazy(operation),
            ContextSource::New(new) => new.create(operation).into(),
        };
        let span = span(&current, operation);
        Some((current, span))
    }
}

impl ContextSource {
    #[inline]
    fn detect() -> Self {
        if RequestContext::is_there() { Self::Current } else { Self::Lazy }
    }

    /// The contents of a new context, or `None` if the current one is used.
    fn new_context(&mut self) -> Option<&mut NewContext> {
        if matches!(self, Self::Lazy) {
            *self = Self::New(Box::default());
        }
        match self {
            Self::New(new) => Some(new),
            _ => None,
        }
    }
}

impl NewContext {
    #[cold]
    fn create(self, operation: &'static str) -> RequestContext {
        let Self { request_id, user, tenant, trace_parent } = self;
        let context = RequestContext::of(request_id.unwrap_or_else(RequestId::new), operation);
        if let Some(user) = user {
            context.set_user(user);
        }
        if let Some(tenant) = tenant {
            context.set_tenant(tenant);
        }
        if let Some(text) = trace_parent {
            context.set_trace_parent(&text);
        }
        context
    }
}

/// The span of a new context, if a subscriber wants it. It contains the request id, which is
/// generated for it.
#[inline]
fn span(current: &Current, operation: &'static str) -> Option<Span> {
    if Level::INFO > LevelFilter::current() {
        // No subscriber records it. With `tracing`'s feature `log` it may still be logged, and is
        // formatted only then.
        let request_id = LazyId(current);
        tracing::info_span!(target: "resilience", "boundary", operation, %request_id);
        return None;
    }
    // The fields of a span that is filtered out aren't evaluated.
    let span = tracing::info_span!(
        target: "resilience",
        "boundary",
        operation,
        request_id = current.context().request_id().as_str()
    );
    (!span.is_disabled()).then_some(span)
}

struct LazyId<'c>(&'c Current);

impl Display for LazyId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.context().request_id().fmt(f)
    }
}
