mod event;
mod subscriber;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::support::isolation::{self, Identity, Isolate, Scope};

pub use event::RecordedEvent;

/// Records the library's events and log records in an isolated test, and checks them.
///
/// ```
/// use resilience::{errors::ServiceUnavailable, retry, testing};
/// use resilience::testing::{Recorder, Script};
///
/// #[retry(idempotent, external_timeout)]
/// async fn stock(inventory: &Script<u32, ServiceUnavailable>) -> Result<u32, ServiceUnavailable> {
///     inventory.call().await
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// let _guard = testing::isolate(); // or `#[isolated]` on the test
/// let log = Recorder::start();
/// let inventory = Script::new().fails(2).answers(7);
///
/// assert_eq!(stock(&inventory).await.unwrap(), 7);
/// log.assert_retried(2);
/// log.assert_not_degraded();
/// assert_eq!(log.events()[0].field("code"), Some("SERVICE_UNAVAILABLE"));
/// # }
/// ```
///
/// It records what this test causes, and nothing of others that run in parallel, at DEBUG and above,
/// until it is dropped. Events also reach the subscriber that was current when it was started. If
/// the test sets a subscriber after that, events go there instead.
///
/// A failed assertion lists the events that were recorded. Each assertion looks at all of them;
/// [`of`](Self::of) limits it to one function or dependency.
#[derive(Debug)]
#[must_use = "recording ends when the recorder is dropped"]
pub struct Recorder {
    log: Arc<Log>,
    of: Option<String>,
}

#[derive(Debug, Default)]
struct Log(Mutex<Vec<RecordedEvent>>);

/// The recorders of a scope.
struct Recorders {
    logs: Mutex<Vec<Weak<Log>>>,
    identity: Identity,
}

static RECORDERS: Recorders = Recorders::new();

impl Recorders {
    const fn new() -> Self {
        Self { logs: Mutex::new(Vec::new()), identity: Identity::new() }
    }

    fn record(&self, event: &RecordedEvent) {
        for log in lock(&self.logs).iter().filter_map(Weak::upgrade) {
            lock(&log.0).push(event.clone());
        }
    }
}

impl Isolate for Recorders {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn fresh(&self) -> Self {
        Self::new()
    }
}

impl Recorder {
    /// Starts recording.
    ///
    /// # Panics
    /// Outside of an isolated test, because events of other tests would be recorded too.
    #[track_caller]
    pub fn start() -> Self {
        let Some(scope) = Scope::current() else {
            panic!(
                "`Recorder::start` outside of an isolated test; write `#[isolated]` below \
                 `#[tokio::test]`, or `let _guard = testing::isolate();` before it"
            );
        };
        let recorders = isolation::current(&RECORDERS);
        let log = Arc::default();
        let mut logs = lock(&recorders.logs);
        logs.retain(|log| log.strong_count() > 0);
        logs.push(Arc::downgrade(&log));
        drop(logs);
        subscriber::keep_callsites_enabled();
        scope.subscribe(|| subscriber::recording(recorders));
        Self { log, of: None }
    }

    /// Limits the assertions and [`events`](Self::events) to events of one function, service,
    /// dependency or operation of that name.
    ///
    /// ```
    /// # let _guard = resilience::testing::isolate();
    /// # let log = resilience::testing::Recorder::start();
    /// log.of("inventory").assert_not_retried();
    /// ```
    pub fn of(&self, name: impl Into<String>) -> Self {
        Self { log: Arc::clone(&self.log), of: Some(name.into()) }
    }

    /// The events so far, the first one first.
    pub fn events(&self) -> Vec<RecordedEvent> {
        let events = lock(&self.log.0);
        events.iter().filter(|event| self.is_of(event)).cloned().collect()
    }

    /// The events of this name so far, such as `"retry_scheduled"`. The crate's documentation lists
    /// them.
    pub fn named(&self, name: &str) -> Vec<RecordedEvent> {
        self.events().into_iter().filter(|event| event.name() == name).collect()
    }

    /// Forgets what was recorded so far.
    pub fn clear(&self) {
        lock(&self.log.0).clear();
    }

    fn is_of(&self, event: &RecordedEvent) -> bool {
        const NAMES: [&str; 4] = ["service", "function", "dependency", "operation"];
        let is = |name: &str| NAMES.iter().any(|field| event.field(field) == Some(name));
        self.of.as_deref().is_none_or(is)
    }
}

/// Assertions. Each panics if it doesn't hold, and lists what was recorded.
impl Recorder {
    /// Exactly so many retries were made, of calls or transactions.
    #[track_caller]
    pub fn assert_retried(&self, times: usize) {
        let retries = self.retries();
        self.check(retries == times, || {
            format!("expected {}, but there {}", retries_in_words(times), were(retries))
        });
    }

    /// No retry was made.
    #[track_caller]
    pub fn assert_not_retried(&self) {
        let retries = self.retries();
        self.check(retries == 0, || format!("expected no retry, but there {}", were(retries)));
    }

    /// Retrying has stopped for this reason: `permanent`, `unclassified`, `attempts_exhausted`,
    /// `deadline`, `budget`, `circuit_open`, `retry_after_too_long`, `not_idempotent` or
    /// `needs_transaction`.
    #[track_caller]
    pub fn assert_stopped(&self, reason: &str) {
        let stopped =
            |event: &RecordedEvent| event.is_stop() && event.field("reason") == Some(reason);
        self.check_any(stopped, || format!("expected retrying to stop because of `{reason}`"));
    }

    /// The breaker of this name has opened, by itself or by force.
    #[track_caller]
    pub fn assert_opened(&self, breaker: &str) {
        let opened = |event: &RecordedEvent| event.opens(breaker);
        self.check_any(opened, || format!("expected the breaker `{breaker}` to open"));
    }

    /// The breaker of this name hasn't opened.
    #[track_caller]
    pub fn assert_not_opened(&self, breaker: &str) {
        let opened = self.events().iter().any(|event| event.opens(breaker));
        self.check(!opened, || format!("expected the breaker `{breaker}` not to open"));
    }

    /// The breaker of this name has closed after it was open.
    #[track_caller]
    pub fn assert_closed(&self, breaker: &str) {
        let closed = |event: &RecordedEvent| event.changes(breaker, &["closed"]);
        self.check_any(closed, || format!("expected the breaker `{breaker}` to close"));
    }

    /// A call was rejected by the breaker of this name.
    #[track_caller]
    pub fn assert_rejected(&self, breaker: &str) {
        let rejected = |event: &RecordedEvent| {
            event.name() == "circuit_breaker_rejected" && event.field("dependency") == Some(breaker)
        };
        self.check_any(rejected, || format!("expected the breaker `{breaker}` to reject a call"));
    }

    /// A `#[timeout]` of this function or service has expired.
    #[track_caller]
    pub fn assert_timed_out(&self, name: &str) {
        let timed_out =
            |event: &RecordedEvent| event.name() == "call_timed_out" && event.is_in(name);
        self.check_any(timed_out, || format!("expected a call of `{name}` to time out"));
    }

    /// A fallback of this function or service has answered.
    #[track_caller]
    pub fn assert_degraded(&self, name: &str) {
        let degraded = |event: &RecordedEvent| event.is_degradation() && event.is_in(name);
        self.check_any(degraded, || format!("expected `{name}` to degrade"));
    }

    /// No fallback has answered.
    #[track_caller]
    pub fn assert_not_degraded(&self) {
        let degraded = self.events().iter().any(RecordedEvent::is_degradation);
        self.check(!degraded, || "expected no degradation".to_owned());
    }

    /// An error with this code was logged by [`report`](crate::report()), a boundary or a `Problem`.
    #[track_caller]
    pub fn assert_logged(&self, code: &str) {
        let logged =
            |event: &RecordedEvent| event.is_record() && event.field("error.type") == Some(code);
        self.check_any(logged, || format!("expected an error with the code `{code}` in the log"));
    }

    /// No error was logged by [`report`](crate::report()), a boundary or a `Problem`.
    #[track_caller]
    pub fn assert_nothing_logged(&self) {
        let logged = self.events().iter().any(RecordedEvent::is_record);
        self.check(!logged, || "expected no error in the log".to_owned());
    }

    /// There is an event of this name with these fields, such as
    /// `("circuit_breaker_state_change", &[("new_state", "half_open")])`.
    #[track_caller]
    pub fn assert_event(&self, name: &str, fields: &[(&str, &str)]) {
        let is = |event: &RecordedEvent| {
            event.name() == name
                && fields.iter().all(|(field, text)| event.field(field) == Some(text))
        };
        self.check_any(is, || {
            let mut expected = format!("expected an event {name}");
            for (field, text) in fields {
                let _ = write!(expected, " {field}={text:?}");
            }
            expected
        });
    }

    fn retries(&self) -> usize {
        self.events().iter().filter(|event| event.is_retry()).count()
    }

    #[track_caller]
    fn check_any(&self, wanted: impl Fn(&RecordedEvent) -> bool, message: impl Fn() -> String) {
        self.check(self.events().iter().any(wanted), message);
    }

    #[track_caller]
    fn check(&self, holds: bool, message: impl Fn() -> String) {
        assert!(holds, "{}", self.failure(message()));
    }

    fn failure(&self, mut message: String) -> String {
        let events = self.events();
        if let Some(of) = &self.of {
            let _ = write!(message, ", of `{of}`");
        }
        message.push_str(if events.is_empty() { "; no event was recorded" } else { "; recorded:" });
        for event in &events {
            let _ = write!(message, "\n  {event}");
        }
        message
    }
}

fn were(retries: usize) -> String {
    match retries {
        0 | 1 => format!("was {}", retries_in_words(retries)),
        _ => format!("were {}", retries_in_words(retries)),
    }
}

fn retries_in_words(retries: usize) -> String {
    match retries {
        0 => "no retry".to_owned(),
        1 => "1 retry".to_owned(),
        _ => format!("{retries} retries"),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
