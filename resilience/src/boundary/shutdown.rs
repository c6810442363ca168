//! Graceful shutdown after a fatal error.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, OnceLock};
use std::task::{Context, Poll};

use tokio::sync::Notify;

/// Why the process was asked to stop: the fatal error that was reported first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReason {
    /// The error's code, such as `MISSING_CONFIG`.
    pub code: &'static str,
    /// What was being done, if the report said so.
    pub operation: Option<Arc<str>>,
}

/// Resolves when a fatal error has been reported, or [`request`] was called; at once if
/// that has happened already.
///
/// The library never ends the process. Whoever runs the server gives it this future, as in
/// `axum::serve(listener, app).with_graceful_shutdown(resilience::shutdown::requested())`, or waits
/// beside it:
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
/// Signals don't resolve it. Wait for them in the same place, and [`reason`] still tells
/// what was meant from what wasn't:
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
/// A server that stops in good order returns `Ok`. Let its exit code say that it didn't mean to, so
/// that a supervisor starts it again:
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
/// Any number of tasks may wait. A request to stop can't be taken back, and it is the process's: a
/// test that reports a fatal error has a [`Shutdown`] of its own.
///
/// Dropping the future is cancelling; nothing is lost.
pub fn requested() -> ShutdownRequested {
    Shutdown::current().requested()
}

/// Why the process was asked to stop, if it was.
pub fn reason() -> Option<ShutdownReason> {
    Shutdown::current().reason()
}

/// Asks the process to stop, as a report of a fatal error does.
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

/// A request to stop that concerns a part of a process: one of several servers in it, or one test.
///
/// A handle: clones are the same. What is reported inside [`scope`](Self::scope), and in tasks that
/// [`spawn`](crate::spawn) starts there, asks this one to stop and not the process.
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
    /// One that nobody has asked for yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// That of the current scope, or else the process's.
    pub fn current() -> Self {
        static OF_THE_PROCESS: LazyLock<Shutdown> = LazyLock::new(Shutdown::new);
        Self::scoped().unwrap_or_else(|| OF_THE_PROCESS.clone())
    }

    pub(crate) fn scoped() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Runs a future whose fatal errors concern this.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }

    /// Runs a function whose fatal errors concern this.
    pub fn sync_scope<T>(self, function: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, function)
    }

    /// Asks to stop. The first reason stays.
    pub fn request(&self, code: &'static str, operation: Option<&str>) {
        let reason = ShutdownReason { code, operation: operation.map(Into::into) };
        if self.0.reason.set(reason).is_ok() {
            self.0.requested.notify_waiters();
        }
    }

    /// Resolves when this has been asked to stop.
    pub fn requested(&self) -> ShutdownRequested {
        let shared = Arc::clone(&self.0);
        ShutdownRequested(Box::pin(async move {
            let requested = shared.requested.notified();
            if shared.reason.get().is_none() {
                requested.await;
            }
        }))
    }

    /// Why this was asked to stop, if it was.
    pub fn reason(&self) -> Option<ShutdownReason> {
        self.0.reason.get().cloned()
    }
}

/// The future that [`requested`] returns.
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
    async fn everybody_who_waits_is_told_and_so_is_whoever_asks_later() {
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
    fn an_inner_scope_hides_the_outer_one() {
        let (outer, inner) = (Shutdown::new(), Shutdown::new());
        outer.clone().sync_scope(|| {
            inner.clone().sync_scope(|| request("INNER"));
            assert_eq!(reason(), None);
        });
        assert_eq!(inner.reason().map(|reason| reason.code), Some("INNER"));
        assert_eq!(outer.reason(), None);
    }
}
