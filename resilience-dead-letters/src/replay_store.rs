//! What a store has to do for replays.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use resilience::dead_letter::{DeadLetterStore, LetterFailure, LetterId};
use uuid::Uuid;

use crate::{Error, Filter, Place, StoredLetter, TrailEntry};

/// The future of a [`ReplayStore`]'s method.
pub type ReplayFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// A store whose letters can be listed, replayed, discarded and purged.
///
/// Times are those of the store's clock, so that processes whose clocks differ agree on when a lease
/// ends. The trait can be used as `dyn ReplayStore`.
///
/// # Errors
///
/// Each method fails with an [`Error`] if the store can't be reached or doesn't fit this program.
pub trait ReplayStore: DeadLetterStore {
    /// The time by the store's clock.
    fn now(&self) -> ReplayFuture<'_, SystemTime>;

    /// Claims open letters that are not claimed, the oldest first. Each comes back if it
    /// isn't [finished](Self::finish) before its lease ends.
    ///
    /// A claim counts as a replay, so that a letter which kills its process isn't replayed forever.
    fn claim<'a>(&'a self, claim: &'a Claim) -> ReplayFuture<'a, Vec<Claimed>>;

    /// Extends the lease to this time from now. `false` if the claim is lost: its lease had ended,
    /// and another worker has claimed the letter or finished it.
    fn renew<'a>(&'a self, claimed: &'a Claimed, lease: Duration) -> ReplayFuture<'a, bool>;

    /// Ends a claim. `false`, and nothing changes, if the claim is lost.
    fn finish<'a>(&'a self, claimed: &'a Claimed, outcome: &'a Outcome) -> ReplayFuture<'a, bool>;

    /// The letters that match, the oldest first: a page of at most `limit`, after the place of
    /// the last letter of the page before.
    fn list<'a>(
        &'a self,
        filter: &'a Filter,
        state: State,
        after: Option<Place>,
        limit: u32,
    ) -> ReplayFuture<'a, Vec<StoredLetter>>;

    /// The number of letters that match.
    fn count<'a>(&'a self, filter: &'a Filter, state: State) -> ReplayFuture<'a, u64>;

    /// Discards the open letters that match and are not being replayed. They stay in the store
    /// until they are purged. Returns their number.
    fn discard<'a>(
        &'a self,
        filter: &'a Filter,
        by: &'a str,
        why: &'a str,
    ) -> ReplayFuture<'a, u64>;

    /// Deletes the letters that match, with their trails, if they were replayed or discarded at
    /// least so long ago. Open letters are only deleted if their reason is
    /// [`Expired`](resilience::dead_letter::Reason::Expired) and they are at least so old. Returns
    /// their number.
    fn purge<'a>(&'a self, filter: &'a Filter, older_than: Duration) -> ReplayFuture<'a, u64>;

    /// What was done to a letter, oldest entry first.
    fn trail(&self, letter: LetterId) -> ReplayFuture<'_, Vec<TrailEntry>>;

    /// The open letters of each queue and code.
    fn depths(&self) -> ReplayFuture<'_, Vec<Depth>>;
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<S: ReplayStore + ?Sized> ReplayStore for $pointer {
            fn now(&self) -> ReplayFuture<'_, SystemTime> {
                (**self).now()
            }

            fn claim<'a>(&'a self, claim: &'a Claim) -> ReplayFuture<'a, Vec<Claimed>> {
                (**self).claim(claim)
            }

            fn renew<'a>(&'a self, claimed: &'a Claimed, lease: Duration) -> ReplayFuture<'a, bool> {
                (**self).renew(claimed, lease)
            }

            fn finish<'a>(
                &'a self,
                claimed: &'a Claimed,
                outcome: &'a Outcome,
            ) -> ReplayFuture<'a, bool> {
                (**self).finish(claimed, outcome)
            }

            fn list<'a>(
                &'a self,
                filter: &'a Filter,
                state: State,
                after: Option<Place>,
                limit: u32,
            ) -> ReplayFuture<'a, Vec<StoredLetter>> {
                (**self).list(filter, state, after, limit)
            }

            fn count<'a>(&'a self, filter: &'a Filter, state: State) -> ReplayFuture<'a, u64> {
                (**self).count(filter, state)
            }

            fn discard<'a>(
                &'a self,
                filter: &'a Filter,
                by: &'a str,
                why: &'a str,
            ) -> ReplayFuture<'a, u64> {
                (**self).discard(filter, by, why)
            }

            fn purge<'a>(
                &'a self,
                filter: &'a Filter,
                older_than: Duration,
            ) -> ReplayFuture<'a, u64> {
                (**self).purge(filter, older_than)
            }

            fn trail(&self, letter: LetterId) -> ReplayFuture<'_, Vec<TrailEntry>> {
                (**self).trail(letter)
            }

            fn depths(&self) -> ReplayFuture<'_, Vec<Depth>> {
                (**self).depths()
            }
        }
    )*};
}

forward!(&S, Box<S>, Arc<S>);

/// Which letters to claim, for whom and for how long.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Claim {
    /// Which letters.
    pub filter: Filter,
    /// The most letters to claim.
    pub limit: u32,
    /// How long they are claimed for.
    pub lease: Duration,
    /// Who claims them, for the trail.
    pub by: String,
    /// Letters that were replayed so often aren't claimed.
    pub max_replays: u32,
    /// Only letters after this one.
    pub after: Option<Place>,
    /// Only letters that were stored by then.
    pub until: Option<SystemTime>,
    /// Only letters whose redrive is due, for automatic redrives.
    pub only_due: bool,
}

impl Claim {
    /// Claims one letter for 30 seconds, if it was replayed fewer than five times.
    pub fn new(filter: Filter, by: impl Into<String>) -> Self {
        Self {
            filter,
            limit: 1,
            lease: Duration::from_secs(30),
            by: by.into(),
            max_replays: 5,
            after: None,
            until: None,
            only_due: false,
        }
    }
}

/// A letter that a worker has claimed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Claimed {
    /// The letter.
    pub stored: StoredLetter,
    /// Who has claimed it.
    pub by: String,
    /// Distinguishes this claim from each other.
    pub token: Uuid,
}

impl Claimed {
    /// A claim, for the implementation of a store.
    pub fn new(stored: StoredLetter, by: impl Into<String>, token: Uuid) -> Self {
        Self { stored, by: by.into(), token }
    }
}

/// How a replay ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The message was processed.
    Replayed,
    /// It failed again. The letter gets this failure, and is open again.
    Failed {
        /// The failure.
        failure: LetterFailure,
        /// When the next automatic redrive is due, from now.
        next_redrive: Option<Duration>,
    },
    /// It wasn't tried. The claim doesn't count.
    Released,
}

/// Which letters a listing has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Neither replayed nor discarded.
    Open,
    /// Replayed.
    Replayed,
    /// Discarded.
    Discarded,
    /// All.
    Any,
}

/// The open letters of one queue with one code.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Depth {
    /// The queue.
    pub queue: String,
    /// The code of their failures.
    pub code: String,
    /// Their number.
    pub letters: u64,
    /// When the oldest was stored.
    pub oldest: SystemTime,
}
