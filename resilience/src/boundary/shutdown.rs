//! Graceful shutdown after a fatal error.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, OnceLock};
use std::task::{Context, Poll};

use tokio::sync::Notify;

use crate::observe::request::request_id;
use crate::support::escape;
#[cfg(feature = "testing")]
use crate::support::isolation::{self, Identity, Isolate};

/// Why a shutdown was requested: the first fatal error that was reported.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReason {
    /// The error's code, such as `MISSING_CONFIG`.
    pub code: &'static str,
    /// The operation that failed, if the report has one.
    pub operation: Option<Arc<str>>,
}

/// Resolves once a fatal error has been reported or [`request`] has been called. Resolves
/// immediately if that has already happened.
///
/// The library never ends the process. Pass this future to your server, as in
/// `axum::serve(listener, app).with_graceful_shutdown(resilience::shutdown::requested())`, or wait
/// for both:
///
/// ```no_run
/// # async fn serve() {}
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// tokio::select! {
///     () = serve() => {}
///     () = resilience::shutdown::requested() => {}
/// }
/// if let Some(reason) = resilience::shutdown::reason() {
///     eprintln!("stopped because of {}", reason.code);
/// }
/// # });
/// ```
///
/// Signals don't resolve it. To stop on a signal too, wait for both. [`reason`] is `None` if only a
/// signal was received:
///
/// ```no_run
/// # async fn terminated() {}
/// /// For `with_graceful_shutdown`.
/// async fn stop() {
///     tokio::select! {
///         () = resilience::shutdown::requested() => {}
///         () = terminated() => {} // by `tokio::signal`: SIGTERM, Ctrl-C
///     }
/// }
/// ```
///
/// A graceful shutdown waits for all requests, and a client that sends half a request can make it
/// wait for ever. So give it a grace period:
///
/// ```no_run
/// # use std::future::Future;
/// use resilience::{secs, shutdown};
///
/// # async fn serve(server: impl Future<Output = std::io::Result<()>>) -> std::io::Result<()> {
/// // let server = axum::serve(listener, app).with_graceful_shutdown(shutdown::requested()).into_future();
/// tokio::select! {
///     served = server => served,
///     () = async { shutdown::requested().await; tokio::time::sleep(secs(10)).await } => Ok(()),
/// }
/// # }
/// ```
///
/// After a graceful shutdown, the server returns `Ok`. Return a failure if there is a reason, so
/// that a supervisor restarts the process:
///
/// ```no_run
/// use resilience::errors::MissingConfig;
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     resilience::exit_code(run())
/// }
///
/// fn run() -> Result<ExitCode, MissingConfig> {
///     // … serve until `shutdown::requested()` …
///     Ok(if resilience::shutdown::reason().is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
/// }
/// ```
///
/// Any number of tasks can wait. A request applies to the whole process and can't be withdrawn: in
/// a test that reports a fatal error, use a [`Shutdown`] of its own.
///
/// # Cancellation
///
/// Dropping the future loses nothing.
pub fn requested() -> ShutdownRequested {
    Shutdown::current().requested()
}

/// Why a shutdown of the process was requested, or `None` if it wasn't.
pub fn reason() -> Option<ShutdownReason> {
    Shutdown::current().reason()
}

/// Requests a shutdown of the process, as the report of a fatal error does.
///
/// ```
/// # use resilience::shutdown::Shutdown;
/// # Shutdown::new().sync_scope(|| {
/// resilience::shutdown::request("LEASE_LOST");
/// assert_eq!(resilience::shutdown::reason().unwrap().code, "LEASE_LOST");
/// # });
/// ```
pub fn request(code: &'static str) {
    Shutdown::current().request(code, None);
}

tokio::task_local! {
    static CURRENT: Shutdown;
}

/// A shutdown that applies to a part of the process, such as one of several servers or one test.
///
/// This is a handle: clones share their state. Fatal errors reported inside [`scope`](Self::scope),
/// and in tasks that [`spawn`](crate::spawn) starts there, request this shutdown instead of the
/// process's.
///
/// ```
/// use resilience::{errors::MissingConfig, report, shutdown::Shutdown};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let shutdown = Shutdown::new();
/// shutdown.clone().scope(async { report(&MissingConfig::new("DATABASE_URL")) }).await;
/// shutdown.requested().await;
/// assert_eq!(shutdown.reason().unwrap().code, "MISSING_CONFIG");
/// assert_eq!(resilience::shutdown::reason(), None);
/// # });
/// ```
#[derive(Debug, Clone, Default)]
pub struct Shutdown(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    reason: OnceLock<ShutdownReason>,
    requested: Notify,
}

impl Shutdown {
    /// Creates a shutdown that hasn't been requested.
    pub fn new() -> Self {
        Self::default()
    }

    /// The shutdown of the current scope, or else of the process.
    pub fn current() -> Self {
        Self::scoped().unwrap_or_else(|| Process::current().shutdown.clone())
    }

    pub(crate) fn scoped() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Runs a future whose fatal errors request this shutdown.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }

    /// Runs a function whose fatal errors request this shutdown.
    pub fn sync_scope<T>(self, function: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, function)
    }

    /// Requests the shutdown, and logs `shutdown_requested`. Only the first reason is kept.
    pub fn request(&self, code: &'static str, operation: Option<&str>) {
        let reason = ShutdownReason { code, operation: operation.map(Into::into) };
        if self.0.reason.set(reason).is_ok() {
            tracing::warn!(
                target: "resilience",
                code,
                operation = operation.map(escape::name).as_deref(),
                request_id = request_id().as_deref(),
                "shutdown_requested"
            );
            self.0.requested.notify_waiters();
        }
    }

    /// Resolves once this shutdown has been requested.
    pub fn requested(&self) -> ShutdownRequested {
        let shared = Arc::clone(&self.0);
        ShutdownRequested(Box::pin(async move {
            let requested = shared.requested.notified();
            if shared.reason.get().is_none() {
                requested.await;
            }
        }))
    }

    /// Why this shutdown was requested, or `None` if it wasn't.
    pub fn reason(&self) -> Option<ShutdownReason> {
        self.0.reason.get().cloned()
    }
}

/// The shutdown of the process.
struct Process {
    shutdown: LazyLock<Shutdown>,
    #[cfg(feature = "testing")]
    identity: Identity,
}

impl Process {
    const fn new() -> Self {
        Self {
            shutdown: LazyLock::new(Shutdown::new),
            #[cfg(feature = "testing")]
            identity: Identity::new(),
        }
    }

    fn current() -> &'static Self {
        static PROCESS: Process = Process::new();
        #[cfg(feature = "testing")]
        return isolation::current(&PROCESS);
        #[cfg(not(feature = "testing"))]
        &PROCESS
    }
}

#[cfg(feature = "testing")]
impl Isolate for Process {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn fresh(&self) -> Self {
        Self::new()
    }
}

/// The future returned by [`requested`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct ShutdownRequested(Pin<Box<dyn Future<Output = ()> + Send + Sync>>);

impl Future for ShutdownRequested {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl std::fmt::Debug for ShutdownRequested {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShutdownRequested").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn shutdown_request_resolves_current_and_later_waiters() {
        let shutdown = Shutdown::new();
        let waiters: Vec<_> = (0..3).map(|_| tokio::spawn(shutdown.requested())).collect();
        let unpolled = shutdown.requested();
        tokio::task::yield_now().await;
        assert!(waiters.iter().all(|waiter| !waiter.is_finished()));

        shutdown.request("FIRST", Some("start"));
        shutdown.request("SECOND", None);
        for waiter in waiters {
            waiter.await.unwrap();
        }
        unpolled.await;
        shutdown.requested().await;
        assert_eq!(
            shutdown.reason(),
            Some(ShutdownReason { code: "FIRST", operation: Some("start".into()) })
        );
    }

    #[test]
    fn inner_shutdown_scope_hides_the_outer_one() {
        let (outer, inner) = (Shutdown::new(), Shutdown::new());
        outer.clone().sync_scope(|| {
            inner.clone().sync_scope(|| request("INNER"));
            assert_eq!(reason(), None);
        });
        assert_eq!(inner.reason().map(|reason| reason.code), Some("INNER"));
        assert_eq!(outer.reason(), None);
    }
}
