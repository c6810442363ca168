//! Runs the contenders in turn, over and over, and keeps the fastest sample of each.
//!
//! A machine that is busy with something else makes samples slower and never faster, and the order
//! changes with every round, so the minimum over many short samples is what compares best. The
//! median is kept to tell how noisy the run was.

use std::hint::{black_box, spin_loop};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tower::Service;

use crate::allocations;
use crate::body::FAIL;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    Retry,
    Timeout,
    Breaker,
    BreakerRate,
    BreakerTime,
    BreakerKeyed,
    BreakerCall,
    BreakerField,
    FullNest,
    FullNestLarge,
    Rejected,
    Boundary,
    BoundaryRead,
    Flag,
    Stale,
}

impl Case {
    pub(crate) const ALL: [Self; 15] = [
        Self::Retry,
        Self::Timeout,
        Self::Breaker,
        Self::BreakerRate,
        Self::BreakerTime,
        Self::BreakerKeyed,
        Self::BreakerCall,
        Self::BreakerField,
        Self::FullNest,
        Self::FullNestLarge,
        Self::Rejected,
        Self::Boundary,
        Self::BoundaryRead,
        Self::Flag,
        Self::Stale,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Timeout => "timeout",
            Self::Breaker => "breaker (consecutive)",
            Self::BreakerRate => "breaker (rate of calls)",
            Self::BreakerTime => "breaker (rate over time)",
            Self::BreakerKeyed => "breaker (keyed)",
            Self::BreakerCall => "breaker, by method",
            Self::BreakerField => "breaker (field)",
            Self::FullNest => "full nest",
            Self::FullNestLarge => "full nest 1 KiB",
            Self::Rejected => "rejected",
            Self::Boundary => "boundary",
            Self::BoundaryRead => "boundary, id read",
            Self::Flag => "flag",
            Self::Stale => "stale, the write",
        }
    }
}

/// One way to make the call of one case, built once.
pub(crate) struct Contender {
    pub(crate) case: Case,
    pub(crate) name: &'static str,
    /// Makes so many calls, one after the other.
    run: Box<dyn Fn(u64) + Sync>,
    /// The size of the future, boxes not followed; unknown of a tower service, which may box any
    /// of it.
    pub(crate) future: Option<usize>,
    threads: &'static [usize],
}

impl Contender {
    /// A call that is made through a shared reference. For [`Case::Rejected`] it must come to be
    /// rejected by failing.
    pub(crate) fn new<T, E, F>(
        case: Case,
        name: &'static str,
        call: impl Fn(u64) -> F + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<T, E>>,
    {
        let future = Some(size_of::<F>());
        prepare(case, name, |input| complete(pin!(call(input)), succeeded));
        let run = move |calls| {
            for _ in 0..calls {
                complete(pin!(call(black_box(7))), |output| _ = black_box(output));
            }
        };
        Self { case, name, run: Box::new(run), future, threads: &[1, 2] }
    }

    /// A tower service, which takes itself by `&mut`: each sample has a clone of its own, as each
    /// task would.
    pub(crate) fn tower<S>(case: Case, name: &'static str, service: S) -> Self
    where
        S: Service<u64> + Clone + Sync + 'static,
    {
        let mut first = service.clone();
        prepare(case, name, |input| {
            make_ready(&mut first) && complete(pin!(first.call(input)), succeeded)
        });
        let run = move |calls| {
            let mut service = service.clone();
            for _ in 0..calls {
                let _ = black_box(make_ready(&mut service));
                complete(pin!(service.call(black_box(7))), |output| _ = black_box(output));
            }
        };
        Self { case, name, run: Box::new(run), future: None, threads: &[1, 2] }
    }

    /// For one thread only: with two, this contender waits on a timer.
    pub(crate) fn alone(self) -> Self {
        Self { threads: &[1], ..self }
    }

    /// Makes so many calls.
    pub(crate) fn run(&self, calls: u64) {
        (self.run)(calls);
    }

    /// Allocations per call, once everything has grown to its size.
    pub(crate) fn allocations(&self) -> f64 {
        const CALLS: u32 = 10_000;
        (self.run)(u64::from(CALLS));
        let before = allocations::on_this_thread();
        (self.run)(u64::from(CALLS));
        let made = u32::try_from(allocations::on_this_thread() - before).unwrap_or(u32::MAX);
        f64::from(made) / f64::from(CALLS)
    }

    fn time(&self, calls: u64) -> Duration {
        let start = Instant::now();
        (self.run)(calls);
        start.elapsed()
    }
}

/// Makes sure that the contender does what its case is about, and breaks what has to be broken.
fn prepare(case: Case, name: &str, mut succeeds: impl FnMut(u64) -> bool) {
    if case == Case::Rejected && name != "bare" {
        // As many as the peers' smallest windows want to see.
        for _ in 0..200 {
            succeeds(FAIL);
        }
        assert!(!succeeds(1), "{name}: the circuit should be open");
    } else {
        assert!(succeeds(1), "{}: {name} should succeed", case.name());
    }
}

fn make_ready<S: Service<u64>>(service: &mut S) -> bool {
    complete(pin!(std::future::poll_fn(|cx| service.poll_ready(cx))), succeeded)
}

/// Polls to the end without an executor, in place: as in an `.await`, no future is moved once it is
/// made, and the output is looked at where it was written; to move either can cost as much as a
/// small layer. Only a contended lock makes anything here pending.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "a call into it would be part of what is measured, for some and not for others"
)]
fn complete<F: Future, R>(mut future: Pin<&mut F>, look: impl FnOnce(&Poll<F::Output>) -> R) -> R {
    let mut cx = Context::from_waker(Waker::noop());
    let mut polled = future.as_mut().poll(&mut cx);
    if polled.is_pending() {
        polled = wait(future, &mut cx);
    }
    look(&polled)
}

fn succeeded<T, E>(polled: &Poll<Result<T, E>>) -> bool {
    matches!(polled, Poll::Ready(Ok(_)))
}

#[cold]
fn wait<F: Future>(mut future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    for _ in 0..10_000_000 {
        spin_loop();
        let polled = future.as_mut().poll(cx);
        if polled.is_ready() {
            return polled;
        }
    }
    panic!("a call waits for something that nobody does");
}

pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) sample: Duration,
}

pub(crate) struct Measured {
    pub(crate) case: Case,
    pub(crate) name: &'static str,
    pub(crate) threads: usize,
    pub(crate) minimum: f64,
    pub(crate) median: f64,
}

/// One contender with one or two threads at it.
struct Lane<'a> {
    contender: &'a Contender,
    threads: usize,
    calls: u64,
    samples: Vec<f64>,
}

pub(crate) fn measure(plan: &Plan, contenders: &[Contender], runtime: &Handle) -> Vec<Measured> {
    let mut lanes: Vec<_> = contenders
        .iter()
        .flat_map(|contender| contender.threads.iter().map(move |&threads| (contender, threads)))
        .map(|(contender, threads)| Lane {
            contender,
            threads,
            calls: calls(plan.sample, contender),
            samples: Vec::new(),
        })
        .collect();
    for round in 0..plan.rounds {
        let lane_count = lanes.len();
        // Another start and another direction each time, so that nobody always follows the same
        // neighbour.
        for step in 0..lane_count {
            let step = if round % 2 == 0 { step } else { lane_count - 1 - step };
            let lane = &mut lanes[(step + round * 7) % lane_count];
            lane.samples.push(sample(lane, runtime));
        }
    }
    lanes.into_iter().map(Lane::finish).collect()
}

/// How many calls fill a sample.
fn calls(sample: Duration, contender: &Contender) -> u64 {
    let mut calls = 64;
    while contender.time(calls) < sample / 2 {
        calls *= 2;
    }
    calls
}

/// Nanoseconds per call and thread.
fn sample(lane: &Lane<'_>, runtime: &Handle) -> f64 {
    let elapsed =
        if lane.threads == 1 { lane.contender.time(lane.calls) } else { together(lane, runtime) };
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2⁵² calls")]
    let calls = lane.calls as f64;
    elapsed.as_secs_f64() * 1e9 / calls
}

/// From the moment at which the second thread is there to the end of the slower one. Were each
/// timed by itself, two that take turns on one core would look like two that don't disturb each
/// other.
fn together(lane: &Lane<'_>, runtime: &Handle) -> Duration {
    let waiting = AtomicUsize::new(lane.threads);
    let one = || {
        let _context = runtime.enter();
        let arrived = Instant::now();
        waiting.fetch_sub(1, Ordering::AcqRel);
        while waiting.load(Ordering::Acquire) > 0 {
            spin_loop();
        }
        (lane.contender.run)(lane.calls);
        (arrived, Instant::now())
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(one);
        let mine = one();
        let other = other.join().expect("the other thread");
        mine.1.max(other.1) - mine.0.max(other.0)
    })
}

impl Lane<'_> {
    fn finish(mut self) -> Measured {
        self.samples.sort_by(f64::total_cmp);
        Measured {
            case: self.contender.case,
            name: self.contender.name,
            threads: self.threads,
            minimum: self.samples[0],
            median: self.samples[self.samples.len() / 2],
        }
    }
}
