use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, pending};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::errors::ServiceUnavailable;

/// A callee for tests: each call has the next outcome of a script.
///
/// ```
/// use resilience::{Rejected, errors::ServiceUnavailable, ServiceError, retry, secs, testing, timeout};
/// use resilience::testing::Script;
///
/// #[derive(Debug, thiserror::Error, ServiceError)]
/// enum StockError {
///     #[error(transparent)]
///     #[service(transparent)]
///     Unavailable(#[from] ServiceUnavailable),
///     #[error(transparent)]
///     #[service(transparent)]
///     Rejected(#[from] Rejected),
/// }
///
/// #[retry(idempotent, attempts = 4)]
/// #[timeout("2s")]
/// async fn stock(inventory: &Script<u32, StockError>) -> Result<u32, StockError> {
///     inventory.call().await
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// let inventory = Script::new().fails(2).hangs().answers(7);
///
/// assert_eq!(testing::isolated(stock(&inventory)).await.unwrap(), 7);
/// inventory.assert_calls(4);
/// # }
/// ```
///
/// | step | outcome of a call |
/// |---|---|
/// | [`answers`](Self::answers), [`answers_with`](Self::answers_with) | a value |
/// | [`fails`](Self::fails) | `n` times [`ServiceUnavailable`], which is transient |
/// | [`fails_with`](Self::fails_with) | `n` times an error of yours |
/// | [`hangs`](Self::hangs) | none: the future never resolves |
/// | [`panics`](Self::panics) | a panic |
///
/// [`after`](Self::after) delays the step that follows, and [`forever`](Self::forever) repeats the
/// last one. A call for which the script has no outcome panics, and says so.
///
/// This is a handle: clones share the script. Steps are handed out in the order of the calls' first
/// polls.
pub struct Script<T, E> {
    shared: Arc<Shared<T, E>>,
    delay: Duration,
}

struct Shared<T, E> {
    name: String,
    state: Mutex<State<T, E>>,
}

struct State<T, E> {
    steps: VecDeque<Step<T, E>>,
    /// The script as it was written.
    text: Vec<String>,
    /// How many calls the script has an outcome for; `None` if any number.
    length: Option<usize>,
    calls: Vec<Instant>,
}

struct Step<T, E> {
    /// How many calls are left; `None` if any number.
    left: Option<usize>,
    delay: Duration,
    outcome: Outcome<T, E>,
}

enum Outcome<T, E> {
    Returns(Arc<dyn Fn() -> Result<T, E> + Send + Sync>),
    Hangs,
    Panics(Arc<str>),
}

impl<T, E> Script<T, E> {
    /// An empty script of a callee named `"callee"`.
    pub fn new() -> Self {
        Self::named("callee")
    }

    /// An empty script of a callee of this name, which its errors and panics mention.
    pub fn named(name: impl Into<String>) -> Self {
        let state =
            State { steps: VecDeque::new(), text: Vec::new(), length: Some(0), calls: Vec::new() };
        let shared = Shared { name: name.into(), state: Mutex::new(state) };
        Self { shared: Arc::new(shared), delay: Duration::ZERO }
    }

    /// The next call is answered with a clone of this value.
    #[must_use]
    #[track_caller]
    pub fn answers(self, value: T) -> Self
    where
        T: Clone + Send + Sync + 'static,
    {
        self.answers_with(move || value.clone())
    }

    /// The next call is answered with what the closure returns.
    #[must_use]
    #[track_caller]
    pub fn answers_with(self, value: impl Fn() -> T + Send + Sync + 'static) -> Self {
        self.step("answers", 1, Outcome::Returns(Arc::new(move || Ok(value()))))
    }

    /// The next calls fail with [`ServiceUnavailable`], which is transient. The error type needs a
    /// variant for it, as in the example above; for other errors, use
    /// [`fails_with`](Self::fails_with).
    #[must_use]
    #[track_caller]
    pub fn fails(self, times: usize) -> Self
    where
        E: From<ServiceUnavailable>,
    {
        let name = self.shared.name.clone();
        self.fails_with(times, move || ServiceUnavailable::new(name.clone()).into())
    }

    /// The next calls fail with the error that the closure returns.
    ///
    /// ```
    /// use resilience::{errors::RateLimited, secs, testing::Script};
    ///
    /// let search = Script::named("search")
    ///     .fails_with(3, || RateLimited::new("search").with_retry_after(secs(10)))
    ///     .answers(["a", "b"]);
    /// # assert_eq!(search.calls(), 0);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn fails_with(self, times: usize, error: impl Fn() -> E + Send + Sync + 'static) -> Self {
        self.step("fails", times, Outcome::Returns(Arc::new(move || Err(error()))))
    }

    /// The next call never resolves.
    #[must_use]
    #[track_caller]
    pub fn hangs(self) -> Self {
        self.step("hangs", 1, Outcome::Hangs)
    }

    /// The next call panics with this message.
    #[must_use]
    #[track_caller]
    pub fn panics(self, message: impl Into<Arc<str>>) -> Self {
        self.step("panics", 1, Outcome::Panics(message.into()))
    }

    /// The outcome that follows comes after this time, on tokio's clock.
    ///
    /// ```
    /// use resilience::{errors::ServiceUnavailable, millis, secs, testing::Script};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// let slow = Script::<_, ServiceUnavailable>::new().after(millis(800)).answers(1).answers(2);
    /// let began = tokio::time::Instant::now();
    /// assert_eq!(slow.call().await.unwrap(), 1);
    /// assert_eq!(slow.call().await.unwrap(), 2);
    /// assert_eq!(began.elapsed(), millis(800));
    /// # }
    /// ```
    #[must_use]
    pub const fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Repeats the last outcome for all further calls: an outage, or a callee that has recovered.
    ///
    /// ```
    /// use resilience::{errors::ServiceUnavailable, testing::Script};
    ///
    /// let recovers = Script::<u32, ServiceUnavailable>::new().fails(5).answers(7).forever();
    /// # drop(recovers);
    /// ```
    ///
    /// # Panics
    /// If there is no outcome yet.
    #[must_use]
    #[track_caller]
    pub fn forever(self) -> Self {
        let mut state = self.state();
        state.length = None;
        let Some(last) = state.steps.back_mut() else {
            drop(state);
            panic!("`forever` repeats the last outcome, and the script has none yet");
        };
        last.left = None;
        if let Some(text) = state.text.last_mut() {
            text.push_str(" forever");
        }
        drop(state);
        self
    }

    /// Makes a call, and waits for its outcome.
    ///
    /// The call counts when the future is first polled. Dropping the future then loses its outcome,
    /// as with a real callee.
    ///
    /// # Errors
    /// If the script says so.
    ///
    /// # Panics
    /// If the script says so, or has no outcome left.
    pub fn call(&self) -> impl Future<Output = Result<T, E>> + use<T, E> {
        let shared = Arc::clone(&self.shared);
        async move {
            let (delay, outcome) = shared.next();
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            match outcome {
                Outcome::Returns(result) => result(),
                Outcome::Hangs => pending().await,
                Outcome::Panics(message) => panic!("{message}"),
            }
        }
    }

    /// The number of calls so far.
    pub fn calls(&self) -> usize {
        self.state().calls.len()
    }

    /// The times between the beginnings of the calls, on tokio's clock: the delays of a retry, if
    /// the calls fail at once.
    pub fn gaps(&self) -> Vec<Duration> {
        self.state().calls.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    /// There were exactly so many calls.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn assert_calls(&self, expected: usize) {
        let calls = self.calls();
        assert!(
            calls == expected,
            "expected {} of `{}`, but there {}",
            calls_in_words(expected),
            self.shared.name,
            if calls == 1 { "was 1".to_owned() } else { format!("were {calls}") },
        );
    }

    /// There was a call for each outcome of the script.
    ///
    /// # Panics
    /// If outcomes are left.
    #[track_caller]
    pub fn assert_exhausted(&self) {
        let state = self.state();
        let (calls, length) = (state.calls.len(), state.length.unwrap_or(0));
        let text = state.text.join(", ");
        drop(state);
        assert!(
            calls >= length,
            "`{}` was called {} of the {length} times that its script has an outcome for: {text}",
            self.shared.name,
            times_in_words(calls),
        );
    }

    #[track_caller]
    fn step(mut self, word: &str, times: usize, outcome: Outcome<T, E>) -> Self {
        let delay = std::mem::take(&mut self.delay);
        let mut state = self.state();
        let Some(length) = state.length else {
            drop(state);
            panic!("nothing can follow `forever` in a script");
        };
        state.length = Some(length + times);
        state.text.push(match times {
            1 => word.to_owned(),
            _ => format!("{word} {times} times"),
        });
        state.steps.push_back(Step { left: Some(times), delay, outcome });
        drop(state);
        self
    }

    fn state(&self) -> MutexGuard<'_, State<T, E>> {
        self.shared.state()
    }
}

impl<T, E> Shared<T, E> {
    fn state(&self) -> MutexGuard<'_, State<T, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> (Duration, Outcome<T, E>) {
        let mut state = self.state();
        state.calls.push(Instant::now());
        if let Some(next) = state.next() {
            return next;
        }
        let calls = times_in_words(state.calls.len());
        let (name, text) = (&self.name, state.text.join(", "));
        let script = match state.length {
            Some(0) | None => "is empty".to_owned(),
            Some(1) => format!("has only one outcome ({text})"),
            Some(length) => format!("has only {length} outcomes ({text})"),
        };
        drop(state);
        panic!(
            "`{name}` was called {calls}, but its script {script}; add what follows, or `forever()` \
             to repeat the last outcome"
        );
    }
}

impl<T, E> State<T, E> {
    fn next(&mut self) -> Option<(Duration, Outcome<T, E>)> {
        loop {
            let step = self.steps.front_mut()?;
            match &mut step.left {
                Some(0) => _ = self.steps.pop_front(),
                left => {
                    if let Some(left) = left {
                        *left -= 1;
                    }
                    return Some((step.delay, step.outcome.clone()));
                }
            }
        }
    }
}

fn calls_in_words(calls: usize) -> String {
    if calls == 1 { "1 call".to_owned() } else { format!("{calls} calls") }
}

fn times_in_words(times: usize) -> String {
    match times {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{times} times"),
    }
}

impl<T, E> Default for Script<T, E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, E> Clone for Script<T, E> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), delay: self.delay }
    }
}

impl<T, E> Clone for Outcome<T, E> {
    fn clone(&self) -> Self {
        match self {
            Self::Returns(result) => Self::Returns(Arc::clone(result)),
            Self::Hangs => Self::Hangs,
            Self::Panics(message) => Self::Panics(Arc::clone(message)),
        }
    }
}

impl<T, E> fmt::Debug for Script<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Script")
            .field("name", &self.shared.name)
            .field("script", &state.text)
            .field("calls", &state.calls.len())
            .finish_non_exhaustive()
    }
}
