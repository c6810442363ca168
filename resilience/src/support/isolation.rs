//! Scopes in which the state that calls share is fresh, so that tests don't influence each other.
//!
//! Shared state implements [`Isolate`], and each access to it goes through [`current`]:
//!
//! ```text
//! #[cfg(feature = "testing")]
//! let shared = isolation::current(shared);
//! ```

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use tracing::Dispatch;
use tracing::dispatcher::{self, DefaultGuard};

/// State that several calls share.
pub(crate) trait Isolate: Any + Send + Sync + Sized {
    /// What the state is recognised by.
    fn identity(&self) -> &Identity;

    /// A new state with the same settings.
    ///
    /// Must not call [`current`]: the scope is locked.
    fn fresh(&self) -> Self;
}

/// Identifies one piece of state. An address can't, because another piece may get it later.
#[derive(Debug)]
pub(crate) struct Identity(AtomicU64);

/// The state was created for a scope, which never replaces it.
const FRESH: u64 = u64::MAX;

impl Identity {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// For state inside of other state, which is replaced as a whole.
    pub(crate) const fn never_replaced() -> Self {
        Self(AtomicU64::new(FRESH))
    }

    /// The same identity, for state that has moved.
    pub(crate) fn of_moved(&self) -> Self {
        Self(AtomicU64::new(self.number()))
    }

    /// Assigned on first use.
    fn number(&self) -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        match self.0.load(Relaxed) {
            0 => {
                let number = NEXT.fetch_add(1, Relaxed);
                let exchanged = self.0.compare_exchange(0, number, Relaxed, Relaxed);
                exchanged.map_or_else(|other| other, |_| number)
            }
            number => number,
        }
    }
}

/// The state to use here: the current scope's own, or `shared` itself outside of all scopes.
#[inline]
pub(crate) fn current<T: Isolate>(shared: &T) -> &T {
    if IN_USE.load(Relaxed) { scoped(shared).unwrap_or(shared) } else { shared }
}

/// Whether there has been a scope. Keeps the cost low for code that is tested without one.
static IN_USE: AtomicBool = AtomicBool::new(false);

fn scoped<T: Isolate>(shared: &T) -> Option<&'static T> {
    let scope = Scope::current()?;
    let number = shared.identity().number();
    if number == FRESH {
        return None;
    }
    let state = *lock(&scope.states).entry(number).or_insert_with(|| {
        let fresh = shared.fresh();
        fresh.identity().0.store(FRESH, Relaxed);
        // Leaked, since rejections and permits may refer to it for longer than the scope lasts.
        Box::leak(Box::new(fresh))
    });
    let state: &'static (dyn Any + Send + Sync) = state;
    state.downcast_ref()
}

/// What one isolated test has for itself.
pub(crate) struct Scope {
    states: Mutex<HashMap<u64, &'static (dyn Any + Send + Sync)>>,
    skips_waits: AtomicBool,
    jitter: Mutex<Option<SmallRng>>,
    /// The subscriber that records the scope's events, once there is one.
    dispatch: OnceLock<Dispatch>,
}

thread_local! {
    /// The scopes that this thread is in, the innermost last.
    static ENTERED: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

struct Entry {
    scope: Arc<Scope>,
    number: u64,
    subscriber: Option<DefaultGuard>,
}

impl Scope {
    pub(crate) fn new() -> Arc<Self> {
        IN_USE.store(true, Relaxed);
        Arc::new(Self {
            states: Mutex::default(),
            skips_waits: AtomicBool::new(false),
            jitter: Mutex::default(),
            dispatch: OnceLock::new(),
        })
    }

    pub(crate) fn current() -> Option<Arc<Self>> {
        let last = |entered: &RefCell<Vec<Entry>>| {
            entered.borrow().last().map(|entry| Arc::clone(&entry.scope))
        };
        ENTERED.try_with(last).ok().flatten()
    }

    pub(crate) fn skip_waits(&self) {
        self.skips_waits.store(true, Relaxed);
    }

    pub(crate) fn seed(&self, seed: u64) {
        *lock(&self.jitter) = Some(SmallRng::seed_from_u64(seed));
    }

    /// Makes the scope current on this thread, until the guard is dropped.
    pub(crate) fn enter(self: Arc<Self>) -> Entered {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Relaxed);
        let subscriber = self.dispatch.get().map(dispatcher::set_default);
        let entry = Entry { scope: self, number, subscriber };
        ENTERED.with_borrow_mut(|entered| entered.push(entry));
        Entered { number, _thread: PhantomData }
    }

    /// Sets the subscriber of the scope's events, unless there is one. It takes effect at once.
    pub(crate) fn subscribe(self: &Arc<Self>, subscriber: impl FnOnce() -> Dispatch) {
        if self.dispatch.get().is_some() {
            return;
        }
        let dispatch = self.dispatch.get_or_init(subscriber);
        let default = dispatcher::set_default(dispatch);
        ENTERED.with_borrow_mut(|entered| {
            let mut entries = entered.iter_mut().rev();
            if let Some(entry) = entries.find(|entry| Arc::ptr_eq(&entry.scope, self)) {
                entry.subscriber = Some(default);
            }
        });
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("skips_waits", &self.skips_waits)
            .field("has_seed", &lock(&self.jitter).is_some())
            .finish_non_exhaustive()
    }
}

/// Leaves a scope when dropped, on the thread that has entered it.
#[derive(Debug)]
pub(crate) struct Entered {
    number: u64,
    _thread: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let left = ENTERED.try_with(|entered| {
            let mut entered = entered.borrow_mut();
            let at = entered.iter().rposition(|entry| entry.number == self.number)?;
            Some(entered.remove(at))
        });
        // Dropped here, because a subscriber may run code of its own.
        drop(left);
    }
}

/// Whether the current scope skips the waits between attempts.
pub(crate) fn skips_waits() -> bool {
    IN_USE.load(Relaxed) && Scope::current().is_some_and(|scope| scope.skips_waits.load(Relaxed))
}

/// A random number from 0 to `max` of the current scope, if it has a seed.
pub(crate) fn seeded_up_to(max: u64) -> Option<u64> {
    if !IN_USE.load(Relaxed) {
        return None;
    }
    let scope = Scope::current()?;
    let mut jitter = lock(&scope.jitter);
    jitter.as_mut().map(|generator| generator.random_range(0..=max))
}

/// Keeps a future in the scope in which it was created, on every thread that polls it.
pub(crate) fn carry<F>(future: F) -> Within<F> {
    Within::new(Scope::current(), future)
}

pin_project! {
    /// A future that is polled and dropped inside a scope.
    #[must_use = "futures do nothing unless they are awaited"]
    #[derive(Debug)]
    pub(crate) struct Within<F> {
        #[pin]
        future: Option<F>,
        scope: Option<Arc<Scope>>,
    }

    impl<F> PinnedDrop for Within<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _entered = this.scope.take().map(Scope::enter);
            this.future.set(None);
        }
    }
}

impl<F> Within<F> {
    pub(crate) const fn new(scope: Option<Arc<Scope>>, future: F) -> Self {
        Self { future: Some(future), scope }
    }

    pub(crate) fn scope(&self) -> Option<&Scope> {
        self.scope.as_deref()
    }
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _entered = this.scope.clone().map(Scope::enter);
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            panic!("an isolated future was polled after it had ended");
        };
        let outcome = future.poll(cx);
        if outcome.is_ready() {
            this.future.set(None);
        }
        outcome
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
