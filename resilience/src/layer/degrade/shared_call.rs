//! One running call per key, for all callers that want it.
//!
//! The calls of a store are in a table, under the same keys as its values. A call is in it as long
//! as a caller makes it or waits for it, so the table is never larger than the number of callers.

use std::any::Any;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::Semaphore;

use super::key_hash::AlreadyHashed;

/// The number of locks. A call takes one of them when it begins and when it ends.
const SHARDS: usize = 16;

type Shard = HashMap<u128, Running, BuildHasherDefault<AlreadyHashed>>;

/// The calls that are running.
#[derive(Default)]
pub(super) struct Calls([Mutex<Shard>; SHARDS]);

struct Running {
    call: Arc<Call>,
    /// How many make it or wait for it.
    parts: usize,
}

struct Call {
    /// Has one permit while no caller makes the call. Closed when the call has ended, which wakes all
    /// that wait.
    turn: Semaphore,
    outcome: OnceLock<Outcome>,
}

/// How a call has ended.
pub(super) enum Outcome {
    /// With a copy of what it returned, if others waited for it.
    Succeeded(Option<Box<dyn Any + Send + Sync>>),
    /// With the code of its error, if that is an error that `#[degrade]` replaces.
    Failed(Option<&'static str>),
}

/// A caller's part in a call: it makes the call, or waits for it.
///
/// If the part that makes the call is dropped before the end, one of those that wait makes it.
pub(super) struct Part<S: AsRef<Calls>> {
    store: Arc<S>,
    key: u128,
    call: Arc<Call>,
    makes_it: bool,
}

impl Calls {
    fn shard(&self, key: u128) -> MutexGuard<'_, Shard> {
        #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
        let shard = &self.0[(key >> 64) as usize % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.iter().map(|shard| shard.lock().unwrap().len()).sum()
    }
}

impl Running {
    fn new() -> Self {
        let call = Call { turn: Semaphore::new(0), outcome: OnceLock::new() };
        Self { call: Arc::new(call), parts: 1 }
    }
}

impl<S: AsRef<Calls>> Part<S> {
    /// Joins the call of this key, or begins it.
    pub(super) fn join(store: Arc<S>, key: u128) -> Self {
        let (call, makes_it) = match store.as_ref().as_ref().shard(key).entry(key) {
            Entry::Occupied(mut running) => {
                running.get_mut().parts += 1;
                (Arc::clone(&running.get().call), false)
            }
            Entry::Vacant(place) => (Arc::clone(&place.insert(Running::new()).call), true),
        };
        Self { store, key, call, makes_it }
    }

    /// Begins the call of this key, unless it is running.
    pub(super) fn begin(store: Arc<S>, key: u128) -> Option<Self> {
        let call = match store.as_ref().as_ref().shard(key).entry(key) {
            Entry::Occupied(_) => return None,
            Entry::Vacant(place) => Arc::clone(&place.insert(Running::new()).call),
        };
        Some(Self { store, key, call, makes_it: true })
    }

    /// The store that the call's table belongs to.
    pub(super) fn store(&self) -> &S {
        &self.store
    }

    pub(super) const fn key(&self) -> u128 {
        self.key
    }

    /// Waits for the end of the call. Returns `None` if it is this part's turn to make it.
    pub(super) async fn outcome(&mut self) -> Option<&Outcome> {
        if self.makes_it {
            return None;
        }
        match self.call.turn.acquire().await {
            Ok(turn) => {
                // `drop` gives it back.
                turn.forget();
                self.makes_it = true;
                None
            }
            Err(_closed) => self.call.outcome.get(),
        }
    }

    /// Ends the call, if this part makes it. `outcome` learns whether others wait. Whoever asks for
    /// the key from now on begins another call.
    pub(super) fn end(&mut self, outcome: impl FnOnce(bool) -> Outcome) {
        if !self.makes_it {
            return;
        }
        let outcome = outcome(self.leave_table());
        self.makes_it = false;
        let is_first = self.call.outcome.set(outcome).is_ok();
        debug_assert!(is_first, "only one part at a time makes the call");
        self.call.turn.close();
    }

    /// Removes the call from the table. Returns whether others have a part in it.
    fn leave_table(&self) -> bool {
        let mut shard = self.store.as_ref().as_ref().shard(self.key);
        match shard.entry(self.key) {
            Entry::Occupied(running) if Arc::ptr_eq(&running.get().call, &self.call) => {
                running.remove().parts > 1
            }
            _ => true,
        }
    }
}

impl<S: AsRef<Calls>> Drop for Part<S> {
    fn drop(&mut self) {
        if self.makes_it {
            self.call.turn.add_permits(1);
        } else if self.call.outcome.get().is_some() {
            // Then the call isn't in the table any more.
            return;
        }
        let mut shard = self.store.as_ref().as_ref().shard(self.key);
        // Another call may be there by now.
        if let Entry::Occupied(mut running) = shard.entry(self.key) {
            if Arc::ptr_eq(&running.get().call, &self.call) {
                running.get_mut().parts -= 1;
                if running.get().parts == 0 {
                    running.remove();
                }
            }
        }
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").finish_non_exhaustive()
    }
}

impl<S: AsRef<Calls>> fmt::Debug for Part<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("makes_it", &self.makes_it).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::pin::Pin;
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    use std::task::{Context, Poll, Wake, Waker};

    use super::*;

    #[derive(Default)]
    struct Table(Calls);

    impl AsRef<Calls> for Table {
        fn as_ref(&self) -> &Calls {
            &self.0
        }
    }

    const KEY: u128 = 7 << 64 | 7;

    fn copy(value: u32, is_shared: bool) -> Outcome {
        Outcome::Succeeded(is_shared.then(|| Box::new(value) as Box<dyn Any + Send + Sync>))
    }

    /// What a caller does once it is polled `steps` times while it makes the call.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum End {
        Succeeds,
        Fails,
    }

    #[derive(Debug, PartialEq)]
    enum Answer {
        Made,
        Shared(u32),
        SharedFailure,
    }

    async fn caller(table: Arc<Table>, making: Arc<AtomicU32>, number: u32, end: End) -> Answer {
        struct Making(Arc<AtomicU32>);
        impl Drop for Making {
            fn drop(&mut self) {
                self.0.fetch_sub(1, SeqCst);
            }
        }
        let mut part = Part::join(table, KEY);
        match part.outcome().await {
            Some(Outcome::Succeeded(Some(value))) => {
                return Answer::Shared(*value.downcast_ref::<u32>().unwrap());
            }
            Some(Outcome::Succeeded(None)) => panic!("the outcome is shared, and isn't copied"),
            Some(Outcome::Failed(_)) => return Answer::SharedFailure,
            None => {}
        }
        assert_eq!(making.fetch_add(1, SeqCst), 0, "one call at a time");
        let making = Making(making);
        tokio::task::yield_now().await;
        drop(making);
        match end {
            End::Succeeds => part.end(|is_shared| copy(number, is_shared)),
            End::Fails => part.end(|_| Outcome::Failed(None)),
        }
        Answer::Made
    }

    #[derive(Default)]
    struct Woken(AtomicU32);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    struct Driven {
        future: Option<Pin<Box<dyn Future<Output = Answer>>>>,
        woken: Arc<Woken>,
        answer: Option<Answer>,
        is_begun: bool,
    }

    impl Driven {
        /// Polls it if it was woken, as an executor does.
        fn poll(&mut self) -> bool {
            if self.is_begun && self.woken.0.swap(0, SeqCst) == 0 {
                return false;
            }
            self.is_begun = true;
            let Some(future) = &mut self.future else { return false };
            let waker = Waker::from(Arc::clone(&self.woken));
            if let Poll::Ready(answer) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                self.answer = Some(answer);
                self.future = None;
            }
            true
        }
    }

    /// Runs callers in every order of polls and drops: `schedule` is read as a number whose digits
    /// say who is polled, or dropped, next.
    fn run(schedule: usize, ends: &[End]) {
        let (table, making) = (Arc::<Table>::default(), Arc::new(AtomicU32::new(0)));
        let mut callers: Vec<Driven> = ends
            .iter()
            .zip(0..)
            .map(|(end, number)| Driven {
                future: Some(Box::pin(caller(
                    Arc::clone(&table),
                    Arc::clone(&making),
                    number,
                    *end,
                ))),
                woken: Arc::default(),
                answer: None,
                is_begun: false,
            })
            .collect();
        let (mut digits, choices) = (schedule, 2 * callers.len());
        for _ in 0..6 {
            let (who, drops) = (digits % choices / 2, digits % 2 == 1);
            digits /= choices;
            if drops {
                callers[who].future = None;
            } else {
                callers[who].poll();
            }
        }
        // Whoever is left must get an answer by wakes alone.
        while callers.iter_mut().any(Driven::poll) {}
        for caller in &callers {
            assert!(caller.future.is_none(), "a caller waits for ever: schedule {schedule}");
        }
        assert_eq!(making.load(SeqCst), 0);
        drop(callers);
        assert_eq!(table.0.len(), 0, "an entry is left: schedule {schedule}");
    }

    /// All orders of six polls and drops of three callers, each followed by a fair executor.
    #[test]
    fn every_interleaving_ends_with_an_answer_for_each_caller_that_stays() {
        let schedules = if cfg!(miri) { 200 } else { 6_usize.pow(6) };
        for schedule in 0..schedules {
            run(schedule, &[End::Succeeds; 3]);
            run(schedule, &[End::Fails, End::Succeeds, End::Fails]);
        }
    }

    #[test]
    fn part_that_is_dropped_or_panics_leaves_the_call_to_one_that_waits() {
        let table = Arc::<Table>::default();
        let first = Part::join(Arc::clone(&table), KEY);
        let mut second = Part::join(Arc::clone(&table), KEY);
        assert!(Part::begin(Arc::clone(&table), KEY).is_none());
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _first = first;
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(panicked.is_err());
        let waker = Waker::noop();
        let mut context = Context::from_waker(waker);
        let turn = std::pin::pin!(second.outcome()).as_mut().poll(&mut context);
        assert!(matches!(turn, Poll::Ready(None)), "its turn");
        drop(second);
        assert_eq!(table.0.len(), 0);
    }

    #[test]
    fn value_is_copied_only_if_others_wait() {
        let table = Arc::<Table>::default();
        let mut alone = Part::join(Arc::clone(&table), KEY);
        alone.end(|is_shared| {
            assert!(!is_shared);
            copy(1, is_shared)
        });
        let mut first = Part::join(Arc::clone(&table), KEY);
        let second = Part::join(Arc::clone(&table), KEY);
        first.end(|is_shared| {
            assert!(is_shared);
            copy(2, is_shared)
        });
        assert_eq!(table.0.len(), 0);
        assert!(Part::begin(table, KEY).is_some(), "the next call");
        drop(second);
    }
}
