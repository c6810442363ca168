//! A store in memory that can replay.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use resilience::dead_letter::{
    DeadLetterStore, Letter, LetterFailure, LetterId, Reason, StoreFuture, Stored,
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::insert::{bounded, check};
use crate::{
    Claim, Claimed, Depth, Filter, Outcome, Place, ReplayFuture, ReplayStore, State, StoredLetter,
    TrailEntry,
};

/// Keeps letters in memory and replays them, for tests and examples. They are gone when the process
/// ends.
///
/// It behaves like the stores in a database. Its clock is tokio's, which tests can pause.
#[derive(Debug)]
pub struct MemoryStore {
    began: (Instant, SystemTime),
    rows: Mutex<Vec<Row>>,
}

#[derive(Debug)]
struct Row {
    stored: StoredLetter,
    lease: Option<(Uuid, SystemTime)>,
    next_redrive: Option<SystemTime>,
    trail: Vec<TrailEntry>,
}

impl MemoryStore {
    /// Creates an empty store.
    pub fn new() -> Self {
        Self { began: (Instant::now(), SystemTime::now()), rows: Mutex::new(Vec::new()) }
    }

    fn rows(&self) -> MutexGuard<'_, Vec<Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clock(&self) -> SystemTime {
        let (instant, time) = self.began;
        time + instant.elapsed()
    }

    fn insert(&self, letter: &Letter) -> Stored {
        let mut rows = self.rows();
        let now = self.clock();
        let known = rows.iter_mut().find(|row| {
            letter.dedupe_key.is_some()
                && row.stored.is_open()
                && row.stored.letter.queue == letter.queue
                && row.stored.letter.dedupe_key == letter.dedupe_key
        });
        if let Some(row) = known {
            let known = &mut row.stored.letter;
            known.attempts = known.attempts.saturating_add(letter.attempts);
            known.last_failure = letter.last_failure;
            known.reason = letter.reason;
            known.failure = bounded(&letter.failure);
            row.log(now, "repeated", None, Some(&letter.failure.code));
            return Stored::repeat(row.stored.id);
        }
        let mut kept = letter.clone();
        kept.failure = bounded(&letter.failure);
        let stored = StoredLetter {
            id: LetterId::new(),
            letter: kept,
            created_at: now,
            replayed_at: None,
            discarded_at: None,
            replays: 0,
            closed_by: None,
            closed_why: None,
        };
        let id = stored.id;
        rows.push(Row { stored, lease: None, next_redrive: None, trail: Vec::new() });
        Stored::new(id)
    }

    fn claim_now(&self, claim: &Claim) -> Vec<Claimed> {
        let now = self.clock();
        let token = Uuid::now_v7();
        let mut rows = self.rows();
        let claimable = rows.iter_mut().filter(|row| {
            row.stored.is_open()
                && row.is_free(now)
                && row.stored.replays < claim.max_replays
                && claim.filter.matches(&row.stored, now)
                && claim.after.is_none_or(|after| row.stored.place() > after)
                && claim.until.is_none_or(|until| row.stored.created_at <= until)
                && (!claim.only_due || row.next_redrive.is_none_or(|due| due <= now))
        });
        let claim_one = |row: &mut Row| {
            row.lease = Some((token, now + claim.lease));
            row.stored.replays = row.stored.replays.saturating_add(1);
            row.log(now, "claimed", Some(&claim.by), None);
            Claimed::new(row.stored.clone(), &*claim.by, token)
        };
        claimable.take(claim.limit as usize).map(claim_one).collect()
    }

    fn finish_now(&self, claimed: &Claimed, outcome: &Outcome) -> bool {
        let now = self.clock();
        let mut rows = self.rows();
        let Some(row) = held(&mut rows, claimed) else { return false };
        row.lease = None;
        let by = Some(&*claimed.by);
        match outcome {
            Outcome::Replayed => {
                row.stored.replayed_at = Some(now);
                row.stored.closed_by = Some(claimed.by.clone());
                row.log(now, "replayed", by, None);
            }
            Outcome::Failed { failure, next_redrive } => {
                row.fail(now, failure);
                if let Some(wait) = next_redrive {
                    row.next_redrive = Some(now + *wait);
                }
                row.log(now, "failed", by, Some(&failure.code));
            }
            Outcome::Released => {
                row.stored.replays -= 1;
                row.log(now, "released", by, None);
            }
        }
        true
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Row {
    fn is_free(&self, now: SystemTime) -> bool {
        self.lease.is_none_or(|(_, until)| until <= now)
    }

    fn fail(&mut self, now: SystemTime, failure: &LetterFailure) {
        let letter = &mut self.stored.letter;
        letter.attempts = letter.attempts.saturating_add(1);
        letter.last_failure = now;
        letter.failure = bounded(failure);
    }

    fn log(&mut self, at: SystemTime, action: &str, actor: Option<&str>, note: Option<&str>) {
        let (actor, note) = (actor.map(str::to_owned), note.map(str::to_owned));
        self.trail.push(TrailEntry { at, action: action.to_owned(), actor, note });
    }
}

fn held<'a>(rows: &'a mut [Row], claimed: &Claimed) -> Option<&'a mut Row> {
    rows.iter_mut().find(|row| {
        row.stored.id == claimed.stored.id
            && row.lease.is_some_and(|(token, _)| token == claimed.token)
    })
}

impl Filter {
    fn matches(&self, stored: &StoredLetter, now: SystemTime) -> bool {
        let letter = &stored.letter;
        let is = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|it| it == is);
        let age = now.duration_since(stored.created_at).unwrap_or_default();
        self.ids.as_ref().is_none_or(|ids| ids.contains(&stored.id))
            && is(&self.queue, &letter.queue)
            && is(&self.code, &letter.failure.code)
            && is(&self.error_type, &letter.failure.error_type)
            && self.reason.is_none_or(|reason| reason == letter.reason)
            && self.at_least.is_none_or(|least| age >= least)
            && self.at_most.is_none_or(|most| age <= most)
    }
}

impl State {
    fn has(self, stored: &StoredLetter) -> bool {
        match self {
            Self::Open => stored.is_open(),
            Self::Replayed => stored.replayed_at.is_some(),
            Self::Discarded => stored.discarded_at.is_some(),
            Self::Any => true,
        }
    }
}

impl DeadLetterStore for MemoryStore {
    fn store<'a>(&'a self, letter: &'a Letter) -> StoreFuture<'a, Stored> {
        Box::pin(async move {
            check(letter, None)?;
            Ok(self.insert(letter))
        })
    }
}

impl ReplayStore for MemoryStore {
    fn now(&self) -> ReplayFuture<'_, SystemTime> {
        Box::pin(async { Ok(self.clock()) })
    }

    fn claim<'a>(&'a self, claim: &'a Claim) -> ReplayFuture<'a, Vec<Claimed>> {
        Box::pin(async move { Ok(self.claim_now(claim)) })
    }

    fn renew<'a>(&'a self, claimed: &'a Claimed, lease: Duration) -> ReplayFuture<'a, bool> {
        Box::pin(async move {
            let until = self.clock() + lease;
            let mut rows = self.rows();
            let held = held(&mut rows, claimed);
            Ok(held.map(|row| row.lease = Some((claimed.token, until))).is_some())
        })
    }

    fn finish<'a>(&'a self, claimed: &'a Claimed, outcome: &'a Outcome) -> ReplayFuture<'a, bool> {
        Box::pin(async move { Ok(self.finish_now(claimed, outcome)) })
    }

    fn list<'a>(
        &'a self,
        filter: &'a Filter,
        state: State,
        after: Option<Place>,
        limit: u32,
    ) -> ReplayFuture<'a, Vec<StoredLetter>> {
        Box::pin(async move {
            let now = self.clock();
            let rows = self.rows();
            let matching = rows.iter().map(|row| &row.stored).filter(|stored| {
                state.has(stored)
                    && filter.matches(stored, now)
                    && after.is_none_or(|after| stored.place() > after)
            });
            Ok(matching.take(limit as usize).cloned().collect())
        })
    }

    fn count<'a>(&'a self, filter: &'a Filter, state: State) -> ReplayFuture<'a, u64> {
        Box::pin(async move {
            let now = self.clock();
            let rows = self.rows();
            let matching = rows
                .iter()
                .filter(|row| state.has(&row.stored) && filter.matches(&row.stored, now));
            Ok(matching.count() as u64)
        })
    }

    fn discard<'a>(
        &'a self,
        filter: &'a Filter,
        by: &'a str,
        why: &'a str,
    ) -> ReplayFuture<'a, u64> {
        Box::pin(async move {
            let now = self.clock();
            let mut discarded = 0;
            for row in self.rows().iter_mut() {
                if row.stored.is_open() && row.is_free(now) && filter.matches(&row.stored, now) {
                    row.lease = None;
                    row.stored.discarded_at = Some(now);
                    row.stored.closed_by = Some(by.to_owned());
                    row.stored.closed_why = Some(why.to_owned());
                    row.log(now, "discarded", Some(by), Some(why));
                    discarded += 1;
                }
            }
            Ok(discarded)
        })
    }

    fn purge<'a>(&'a self, filter: &'a Filter, older_than: Duration) -> ReplayFuture<'a, u64> {
        Box::pin(async move {
            let now = self.clock();
            let is_old = |time| now.duration_since(time).is_ok_and(|age| age >= older_than);
            let mut rows = self.rows();
            let before = rows.len();
            rows.retain(|row| {
                let stored = &row.stored;
                let closed = stored.replayed_at.or(stored.discarded_at).is_some_and(is_old);
                let expired = stored.letter.reason == Reason::Expired
                    && is_old(stored.created_at)
                    && row.is_free(now);
                !((closed || expired) && filter.matches(stored, now))
            });
            Ok((before - rows.len()) as u64)
        })
    }

    fn trail(&self, letter: LetterId) -> ReplayFuture<'_, Vec<TrailEntry>> {
        Box::pin(async move {
            let rows = self.rows();
            let row = rows.iter().find(|row| row.stored.id == letter);
            Ok(row.map(|row| row.trail.clone()).unwrap_or_default())
        })
    }

    fn depths(&self) -> ReplayFuture<'_, Vec<Depth>> {
        Box::pin(async move {
            let mut depths = std::collections::BTreeMap::new();
            for row in self.rows().iter().filter(|row| row.stored.is_open()) {
                let letter = &row.stored.letter;
                let key = (letter.queue.clone(), letter.failure.code.clone());
                let (letters, oldest) = depths.entry(key).or_insert((0, row.stored.created_at));
                *letters += 1;
                *oldest = row.stored.created_at.min(*oldest);
            }
            let depth = |((queue, code), (letters, oldest))| Depth { queue, code, letters, oldest };
            Ok(depths.into_iter().map(depth).collect())
        })
    }
}
