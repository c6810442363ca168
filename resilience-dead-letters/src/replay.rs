//! Replaying letters.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use resilience::Classify;
use resilience::dead_letter::LetterFailure;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::{
    Claim, Claimed, Error, Filter, Outcome, ReplayFuture, ReplayStore, State, StoredLetter,
};

/// Replays the letters that match, each at most once, and returns when there are no more.
///
/// Several replays may run at once, in one process or in many: each letter is claimed by one of
/// them. A claim ends after its [`lease`](Self::lease), which is renewed while the handler runs. If a
/// process is killed, its letters can be replayed again when their leases have ended. The handler
/// may then see a message twice, so it has to be idempotent, but only one worker can finish the
/// letter.
///
/// Letters that are stored after the replay began aren't replayed.
///
/// ```
/// use resilience::dead_letter::{DeadLetterStore, Letter, LetterFailure, Payload, Reason};
/// use resilience::errors::NotFound;
/// use resilience_dead_letters::{Filter, MemoryStore, Replay};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let letters = MemoryStore::new();
/// # let failure = LetterFailure::of(&NotFound::new("sku", "12"));
/// # letters.store(&Letter::new("orders", Payload::json("{}"), Reason::Permanent, failure)).await?;
/// let replay = Replay::new(&letters, Filter::queue("orders"), "ana@example.com").rate(50);
/// let report = replay
///     .run(|stored| async move {
///         assert_eq!(stored.letter.payload.bytes, b"{}");
///         Ok::<(), NotFound>(())
///     })
///     .await?;
/// assert_eq!((report.replayed, report.failed), (1, 0));
/// # Ok(()) }
/// ```
///
/// # Cancellation
///
/// If the future of [`run`](Self::run) is dropped, the handlers are dropped too. Their letters can be
/// claimed again when their leases end. [`until`](Self::until) ends a replay without waiting for
/// that.
#[must_use = "a replay does nothing until it runs"]
pub struct Replay<'a> {
    store: &'a dyn ReplayStore,
    claim: Claim,
    concurrency: usize,
    per_second: Option<u32>,
    limit: u64,
    stop_after: u32,
    redrive: Option<Redrive>,
    until: Option<Pin<Box<dyn Future<Output = ()> + Send + 'a>>>,
    progress: Option<Progress<'a>>,
}

type Progress<'a> = Box<dyn FnMut(&Report) + Send + 'a>;

/// The delays of automatic redrives.
#[derive(Debug, Clone, Copy)]
struct Redrive {
    first: Duration,
    max: Duration,
}

/// What a replay has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Letters that were replayed.
    pub replayed: u64,
    /// Letters that failed again, and are open again.
    pub failed: u64,
    /// Letters whose claim was lost while the handler ran, because the store couldn't be reached
    /// until the lease had ended.
    pub lost: u64,
    /// The failures by their code.
    pub codes: BTreeMap<String, u64>,
    /// Why letters are left, if the replay ended early.
    pub stopped: Option<Stopped>,
}

/// Why a replay ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stopped {
    /// [`limit`](Replay::limit) letters were tried.
    Limit,
    /// So many in a row failed with this code: [`stop_after`](Replay::stop_after).
    SameCode(String),
    /// [`until`](Replay::until) completed.
    Asked,
}

impl<'a> Replay<'a> {
    /// A replay of these letters. `by` is who replays them, for the trail.
    pub fn new(store: &'a dyn ReplayStore, filter: Filter, by: impl Into<String>) -> Self {
        Self {
            store,
            claim: Claim::new(filter, by),
            concurrency: 1,
            per_second: None,
            limit: u64::MAX,
            stop_after: 10,
            redrive: None,
            until: None,
            progress: None,
        }
    }

    /// How many handlers run at once. Default 1; 0 counts as 1.
    pub fn concurrency(mut self, handlers: usize) -> Self {
        self.concurrency = handlers.max(1);
        self
    }

    /// At most so many letters per second, evenly spaced. Default: no limit; 0 counts as 1.
    pub fn rate(mut self, per_second: u32) -> Self {
        self.per_second = Some(per_second.max(1));
        self
    }

    /// At most so many letters. Default: no limit.
    pub fn limit(mut self, letters: u64) -> Self {
        self.limit = letters;
        self
    }

    /// Leaves out letters that were replayed so often. Default 5.
    pub fn max_replays(mut self, replays: u32) -> Self {
        self.claim.max_replays = replays;
        self
    }

    /// How long a letter is claimed for. It is renewed each third of this time while its handler
    /// runs. Default 30 s, at least 1 ms.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.claim.lease = lease.max(Duration::from_millis(1));
        self
    }

    /// Stops after so many failures with the same code in a row: what made the letters isn't over.
    /// Default 10; 0 never stops.
    pub fn stop_after(mut self, failures: u32) -> Self {
        self.stop_after = failures;
        self
    }

    /// Makes this an automatic redrive: only letters that are due, and a letter that fails again is
    /// due after `first`, then after twice as long each time, at most `max`. Give it a filter with
    /// [`Reason::Exhausted`](resilience::dead_letter::Reason::Exhausted): a permanent failure fails
    /// again.
    pub fn redrive(mut self, first: Duration, max: Duration) -> Self {
        self.claim.only_due = true;
        self.redrive = Some(Redrive { first, max });
        self
    }

    /// Begins no further letter once this future completes, and returns when the running handlers
    /// have ended.
    pub fn until(mut self, stop: impl Future<Output = ()> + Send + 'a) -> Self {
        self.until = Some(Box::pin(stop));
        self
    }

    /// Calls this after each letter.
    pub fn on_progress(mut self, progress: impl FnMut(&Report) + Send + 'a) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    /// The number of open letters that match, without replaying them. Those that were replayed too
    /// often, or that another worker is replaying, are counted too.
    ///
    /// # Errors
    ///
    /// If the store can't be reached.
    pub async fn dry_run(&self) -> Result<u64, Error> {
        let count = self.store.count(&self.claim.filter, State::Open).await?;
        Ok(count.min(self.limit))
    }

    /// Runs the handler for each letter. A handler that returns an error or panics leaves its letter
    /// open, with the new failure.
    ///
    /// # Errors
    ///
    /// If the store can't be reached. The letters of running handlers can be claimed again when their
    /// leases end.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime with timers enabled.
    pub async fn run<F, T, E>(self, handler: F) -> Result<Report, Error>
    where
        F: Fn(Arc<StoredLetter>) -> T,
        T: Future<Output = Result<(), E>>,
        E: Classify,
    {
        let Self { store, mut claim, concurrency, per_second, limit, .. } = self;
        let (stop_after, redrive) = (self.stop_after, self.redrive);
        let mut progress = self.progress;
        let mut stop = self.until.unwrap_or_else(|| Box::pin(std::future::pending()));
        let mut pace = per_second.map(|rate| {
            let mut pace = interval(Duration::from_secs(1) / rate);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            pace
        });
        claim.until = Some(store.now().await?);
        let mut report = Report::default();
        let mut row = (String::new(), 0);
        let mut running = FuturesUnordered::new();
        // A claim runs beside the handlers: these may hold each connection of the store.
        let mut claiming: Option<ReplayFuture<'a, Vec<Claimed>>> = None;
        let (mut left, mut is_drained) = (limit, false);

        loop {
            let may_claim = claiming.is_none()
                && running.len() < concurrency
                && left > 0
                && !is_drained
                && report.stopped.is_none();
            if !may_claim && running.is_empty() && claiming.is_none() {
                // Only if there is a further letter has the limit ended the replay.
                let by_limit = left == 0 && report.stopped.is_none() && !is_drained;
                if by_limit && is_further(store, &claim).await? {
                    report.stopped = Some(Stopped::Limit);
                }
                return Ok(report);
            }
            tokio::select! {
                biased;
                () = &mut stop, if report.stopped.is_none() => report.stopped = Some(Stopped::Asked),
                Some(done) = running.next(), if !running.is_empty() => {
                    let done: Result<Option<Ended>, Error> = done;
                    let Some(ended) = done? else { continue };
                    report.add(ended, &mut row, stop_after);
                    if let Some(progress) = &mut progress {
                        progress(&report);
                    }
                }
                claimed = answer(&mut claiming),
                    if claiming.is_some() =>
                {
                    claiming = None;
                    let claimed = claimed?;
                    is_drained = claimed.is_empty();
                    left -= (claimed.len() as u64).min(left);
                    let is_stopped = report.stopped.is_some();
                    for claimed in claimed {
                        claim.after = claim.after.max(Some(claimed.stored.place()));
                        let lease = claim.lease;
                        running.push(one(store, claimed, lease, redrive, &handler, is_stopped));
                    }
                }
                () = tick(pace.as_mut()), if may_claim => {
                    let free = u64::try_from(concurrency - running.len()).unwrap_or(u64::MAX);
                    let most = if pace.is_some() { 1 } else { free.min(left).min(100) };
                    claim.limit = u32::try_from(most).unwrap_or(u32::MAX);
                    let claim = claim.clone();
                    claiming = Some(Box::pin(async move { store.claim(&claim).await }));
                }
            }
        }
    }
}

/// How the replay of a letter ended: whether the claim was kept, and the failure.
struct Ended {
    is_kept: bool,
    failure: Option<LetterFailure>,
}

impl Report {
    /// Counts a letter. `row` is the code of the last failures, and their number.
    fn add(&mut self, ended: Ended, row: &mut (String, u32), stop_after: u32) {
        match ended {
            Ended { is_kept: false, .. } => self.lost += 1,
            Ended { failure: None, .. } => {
                self.replayed += 1;
                *row = (String::new(), 0);
            }
            Ended { failure: Some(LetterFailure { code, .. }), .. } => {
                self.failed += 1;
                *self.codes.entry(code.clone()).or_default() += 1;
                let count = if row.0 == code { row.1 + 1 } else { 1 };
                if count == stop_after && self.stopped.is_none() {
                    self.stopped = Some(Stopped::SameCode(code.clone()));
                }
                *row = (code, count);
            }
        }
    }
}

impl std::fmt::Debug for Replay<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay").field("claim", &self.claim).finish_non_exhaustive()
    }
}

async fn tick(pace: Option<&mut tokio::time::Interval>) {
    if let Some(pace) = pace {
        pace.tick().await;
    }
}

async fn answer(
    claiming: &mut Option<ReplayFuture<'_, Vec<Claimed>>>,
) -> Result<Vec<Claimed>, Error> {
    match claiming {
        Some(claiming) => claiming.await,
        None => std::future::pending().await,
    }
}

/// Whether there is a letter after the last one that was claimed.
async fn is_further(store: &dyn ReplayStore, claim: &Claim) -> Result<bool, Error> {
    Ok(!store.list(&claim.filter, State::Open, claim.after, 1).await?.is_empty())
}

/// Replays one letter, or releases it if the replay has stopped.
async fn one<F, T, E>(
    store: &dyn ReplayStore,
    claimed: Claimed,
    lease: Duration,
    redrive: Option<Redrive>,
    handler: &F,
    is_stopped: bool,
) -> Result<Option<Ended>, Error>
where
    F: Fn(Arc<StoredLetter>) -> T,
    T: Future<Output = Result<(), E>>,
    E: Classify,
{
    if is_stopped {
        store.finish(&claimed, &Outcome::Released).await?;
        return Ok(None);
    }
    let stored = Arc::new(claimed.stored.clone());
    let attempt = async { handler(stored).await };
    let mut attempt = pin!(AssertUnwindSafe(attempt).catch_unwind());
    let began = Instant::now();
    let mut ends = began + lease;
    let result = loop {
        tokio::select! {
            biased;
            result = &mut attempt => break result,
            () = sleep(lease / 3) => {}
        }
        let asked = Instant::now();
        match store.renew(&claimed, lease).await {
            Ok(true) => ends = asked + lease,
            // Another worker has the letter, or it will when the lease has ended.
            Ok(false) => return Ok(Some(Ended { is_kept: false, failure: None })),
            Err(error) if Instant::now() >= ends => return Err(error),
            Err(_) => {}
        }
    };
    let failure = match result {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(LetterFailure::of(&error)),
        Err(panic) => Some(panicked(&*panic)),
    };
    let outcome = match &failure {
        None => Outcome::Replayed,
        Some(failure) => {
            let next_redrive = redrive.map(|redrive| redrive.delay(claimed.stored.replays));
            Outcome::Failed { failure: failure.clone(), next_redrive }
        }
    };
    let is_kept = store.finish(&claimed, &outcome).await?;
    Ok(Some(Ended { is_kept, failure }))
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> LetterFailure {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = format!("the handler panicked: {}", text.unwrap_or("unknown"));
    LetterFailure::new("PANIC", Some(resilience::Category::Permanent), "panic", text)
}

impl Redrive {
    /// After the n-th replay.
    fn delay(self, replays: u32) -> Duration {
        let doublings = replays.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.max)
    }
}
