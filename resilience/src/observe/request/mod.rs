//! The request context of a task: the request id, the user and the tenant that the work is done
//! for.

mod context_id;
pub(crate) mod dedup;

pub use context_id::ContextId;

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::task::futures::TaskLocalFuture;

use dedup::ReportedFailures;

/// The id of a request: accepted from a header, or generated.
///
/// ```
/// use resilience::request::RequestId;
///
/// let made = RequestId::new();
/// assert_eq!(made.as_str().len(), 36, "a version 7 UUID: {made}");
///
/// assert_eq!(RequestId::parse("client-7:42").unwrap().as_str(), "client-7:42");
/// assert_eq!(RequestId::parse("two words"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The maximum length of an id, in bytes.
    pub const MAX_LEN: usize = 128;

    /// Generates a new id: a version 7 UUID (RFC 9562), which sorts by creation time.
    #[allow(clippy::new_without_default, reason = "a default value should always be the same")]
    pub fn new() -> Self {
        Self(
            uuid::Uuid::now_v7().hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()).into(),
        )
    }

    /// Accepts an external id if it is safe in logs and headers: 1 to 128 ASCII letters, digits, or
    /// any of `- _ . : / + = @`. Returns `None` for anything else, to prevent log injection.
    pub fn parse(text: &str) -> Option<Self> {
        let fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(&byte);
        ((1..=Self::MAX_LEN).contains(&text.len()) && text.bytes().all(fit))
            .then(|| Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

tokio::task_local! {
    static CURRENT: Current;
}

/// The id of the current request, for an event.
pub(crate) fn request_id() -> Option<Arc<str>> {
    RequestContext::current().map(|context| Arc::clone(&context.request_id().0))
}

/// The context of a task. A boundary creates its context on first use, because most work succeeds
/// without needing it.
pub(crate) struct Current {
    created: OnceLock<RequestContext>,
    /// The operation of a context that hasn't been created yet.
    operation: &'static str,
}

impl Current {
    /// A context that is created on first use.
    #[inline]
    pub(crate) const fn lazy(operation: &'static str) -> Self {
        Self { created: OnceLock::new(), operation }
    }

    /// Returns the context, and creates it if necessary.
    pub(crate) fn context(&self) -> &RequestContext {
        self.created.get_or_init(|| RequestContext::of(RequestId::new(), self.operation))
    }

    /// Returns the context if it was created.
    #[inline]
    pub(crate) fn into_created(self) -> Option<RequestContext> {
        self.created.into_inner()
    }

    /// Runs a future in this context.
    #[inline]
    pub(crate) fn hold<F: Future>(self, future: F) -> TaskLocalFuture<Self, F> {
        CURRENT.scope(self, future)
    }

    /// Runs a function in this context. Returns its outcome, and the context if it was created.
    #[inline]
    pub(crate) fn sync_hold<T>(self, function: impl FnOnce() -> T) -> (T, Option<RequestContext>) {
        CURRENT.sync_scope(self, || {
            let outcome = function();
            (outcome, CURRENT.with(|current| current.created.get().cloned()))
        })
    }
}

impl From<RequestContext> for Current {
    fn from(context: RequestContext) -> Self {
        Self { created: OnceLock::from(context), operation: "" }
    }
}

/// The request, user and tenant that the current work is done for. Every log record of an error
/// includes them, and every HTTP response includes the request id.
///
/// This is a handle: clones share the same context. It applies to the future that
/// [`scope`](Self::scope) runs and everything that the future awaits. A spawned task has no context
/// unless it was started with [`spawn`](crate::spawn).
///
/// ```
/// use resilience::RequestContext;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let context = RequestContext::new();
/// context.clone().scope(async {
///     RequestContext::current().unwrap().set_user("u-42"); // once the caller is known
/// }).await;
/// assert_eq!(context.user().as_deref(), Some("u-42"));
/// # });
/// ```
#[derive(Clone)]
pub struct RequestContext(Arc<Shared>);

struct Shared {
    id: RequestId,
    known: Mutex<Known>,
    reported: Mutex<ReportedFailures>,
}

#[derive(Default)]
struct Known {
    user: Option<Arc<str>>,
    tenant: Option<Arc<str>>,
    operation: Option<Operation>,
    trace_parent: Option<Arc<str>>,
}

#[derive(Clone)]
enum Operation {
    /// The operation of a boundary, copied only when requested.
    Static(&'static str),
    Shared(Arc<str>),
}

impl RequestContext {
    /// Creates a context with a new request id.
    #[allow(clippy::new_without_default, reason = "a default value should always be the same")]
    pub fn new() -> Self {
        Self::with_request_id(RequestId::new())
    }

    /// Creates a context with this request id.
    pub fn with_request_id(id: RequestId) -> Self {
        Self(Arc::new(Shared { id, known: Mutex::default(), reported: Mutex::default() }))
    }

    /// Creates a context for this operation of a boundary.
    pub(crate) fn of(id: RequestId, operation: &'static str) -> Self {
        let known = Known { operation: Some(Operation::Static(operation)), ..Known::default() };
        Self(Arc::new(Shared { id, known: Mutex::new(known), reported: Mutex::default() }))
    }

    /// Returns the context of the current task, if it has one.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|current| current.context().clone()).ok()
    }

    /// Whether the current task has a context.
    #[inline]
    pub(crate) fn is_there() -> bool {
        CURRENT.try_with(|_| ()).is_ok()
    }

    /// Runs `drops` in this context and span. During thread shutdown, when thread-local storage is
    /// already destroyed, runs it in neither.
    #[cfg(any(feature = "axum", feature = "tonic"))]
    pub(crate) fn drop_within(self, span: &tracing::Span, drops: impl FnOnce()) {
        drop(Current::from(self).hold(OnDrop { drops: Some(drops), span }));
    }

    /// Runs a future in this context. Costs one thread-local access per poll.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self.into(), future).await
    }

    /// Runs a function in this context.
    pub fn sync_scope<T>(self, function: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.into(), function)
    }

    /// The request id.
    pub fn request_id(&self) -> &RequestId {
        &self.0.id
    }

    /// The user, if set.
    pub fn user(&self) -> Option<Arc<str>> {
        self.known(|known| known.user.clone())
    }

    /// Sets the user. Use an id, not a name or an address, because it is logged.
    pub fn set_user(&self, user: impl Into<Arc<str>>) {
        // Convert before taking the lock, because the conversion may need the lock itself.
        let user = user.into();
        self.known(|known| known.user = Some(user));
    }

    /// The tenant, if set.
    pub fn tenant(&self) -> Option<Arc<str>> {
        self.known(|known| known.tenant.clone())
    }

    /// Sets the tenant.
    pub fn set_tenant(&self, tenant: impl Into<Arc<str>>) {
        let tenant = tenant.into();
        self.known(|known| known.tenant = Some(tenant));
    }

    /// The W3C `traceparent` of the work, if set, such as
    /// `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01`.
    pub fn trace_parent(&self) -> Option<Arc<str>> {
        self.known(|known| known.trace_parent.clone())
    }

    /// Sets the W3C `traceparent`. A dead letter keeps it. A text of another form is ignored.
    ///
    /// ```
    /// use resilience::RequestContext;
    ///
    /// let context = RequestContext::new();
    /// context.set_trace_parent("not a trace");
    /// assert_eq!(context.trace_parent(), None);
    /// let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    /// context.set_trace_parent(parent);
    /// assert_eq!(context.trace_parent().as_deref(), Some(parent));
    /// ```
    pub fn set_trace_parent(&self, text: &str) {
        if is_trace_parent(text) {
            let text = Arc::from(text);
            self.known(|known| known.trace_parent = Some(text));
        }
    }

    /// The operation, such as `GET /users/{id}`. Log records contain it where no boundary names its
    /// own operation.
    pub fn operation(&self) -> Option<Arc<str>> {
        self.known(|known| known.operation.clone()).map(|operation| match operation {
            Operation::Static(operation) => operation.into(),
            Operation::Shared(operation) => operation,
        })
    }

    /// Sets the operation.
    pub fn set_operation(&self, operation: impl Into<Arc<str>>) {
        let operation = operation.into();
        self.known(|known| known.operation = Some(Operation::Shared(operation)));
    }

    /// Accesses the failures reported for this request.
    pub(crate) fn reported_failures<T>(&self, look: impl FnOnce(&mut ReportedFailures) -> T) -> T {
        look(&mut self.0.reported.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn known<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.0.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether a text has the form of a `traceparent` of version 00: four groups of lower-case hex
/// digits, <https://www.w3.org/TR/trace-context/#traceparent-header>.
fn is_trace_parent(text: &str) -> bool {
    let groups = text.split('-').map(|group| {
        let is_hex = group.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        if is_hex { group.len() } else { 0 }
    });
    groups.eq([2, 32, 16, 2])
}

/// A future that is never polled. It is dropped within a context, if thread-local storage allows.
#[cfg(any(feature = "axum", feature = "tonic"))]
struct OnDrop<'s, F: FnOnce()> {
    drops: Option<F>,
    span: &'s tracing::Span,
}

#[cfg(any(feature = "axum", feature = "tonic"))]
impl<F: FnOnce()> Future for OnDrop<'_, F> {
    type Output = ();

    fn poll(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        std::task::Poll::Ready(())
    }
}

#[cfg(any(feature = "axum", feature = "tonic"))]
impl<F: FnOnce()> Drop for OnDrop<'_, F> {
    fn drop(&mut self) {
        match self.drops.take() {
            Some(drops) if RequestContext::is_there() => self.span.in_scope(drops),
            Some(drops) => drops(),
            None => {}
        }
    }
}

impl fmt::Debug for RequestContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (user, tenant) = (self.user(), self.tenant());
        f.debug_struct("RequestContext")
            .field("request_id", self.request_id())
            .field("user", &user)
            .field("tenant", &tenant)
            .field("operation", &self.operation())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_are_fit_for_logs_are_accepted() {
        for fit in ["a", "0190-7e5f", "trace:1/2+3=4@host_a.b", &"x".repeat(128)] {
            assert_eq!(RequestId::parse(fit).unwrap().as_str(), fit);
        }
        for unfit in ["", " ", "a b", "a\nb", "a\"b", "{a}", "é", "a;b", &"x".repeat(129)] {
            assert_eq!(RequestId::parse(unfit), None, "{unfit:?}");
        }
    }

    #[test]
    fn a_made_name_is_a_version_7_uuid_and_sorts_by_time() {
        let names: Vec<RequestId> = (0..100).map(|_| RequestId::new()).collect();
        assert!(names.windows(2).all(|pair| pair[0].as_str() < pair[1].as_str()), "{names:?}");
        assert!(
            names
                .iter()
                .all(|name| &name.as_str()[14..15] == "7"
                    && RequestId::parse(name.as_str()).is_some())
        );
    }

    #[test]
    fn context_can_be_read_while_its_id_is_formatted() {
        struct Sharing<'c>(&'c RequestContext);

        impl From<Sharing<'_>> for Arc<str> {
            fn from(Sharing(context): Sharing<'_>) -> Self {
                format!("{context:?}").into()
            }
        }

        let context = RequestContext::new();
        context.set_user(Sharing(&context));
        context.set_tenant(Sharing(&context));
        context.set_operation(Sharing(&context));
        assert!(context.operation().is_some_and(|operation| operation.contains("tenant")));
    }

    #[test]
    fn a_scope_ends_and_an_inner_one_hides_the_outer() {
        assert!(RequestContext::current().is_none());
        let (outer, inner) = (RequestContext::new(), RequestContext::new());
        let id = || RequestContext::current().unwrap().request_id().clone();
        outer.clone().sync_scope(|| {
            assert_eq!(id(), *outer.request_id());
            inner.clone().sync_scope(|| assert_eq!(id(), *inner.request_id()));
            assert_eq!(id(), *outer.request_id());
        });
        assert!(RequestContext::current().is_none());
    }
}
