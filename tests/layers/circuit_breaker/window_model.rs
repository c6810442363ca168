//! A breaker with a failure rate against a simple model: both must go through random walks in the
//! same way.

use std::time::Duration;

use proptest::prelude::*;
use resilience::circuit_breaker::CircuitState::{self, Closed, HalfOpen, Open};
use resilience::circuit_breaker::Permit;
use resilience::{CircuitBreaker, Classification, millis};

const RECOVERY: u64 = 1_000;

/// Times are in ticks: tenths of the window of time, so that a bucket is one tick.
const TICK: u64 = 10;
const SLOW: u64 = 3;

#[derive(Debug, Clone, Copy)]
struct Settings {
    /// A number of calls, or ten ticks.
    window: Option<u32>,
    failure_rate: u32,
    slow_rate: Option<u32>,
    min_calls: u32,
    probes: u32,
}

#[derive(Debug, Clone, Copy)]
struct Recorded {
    tick: u64,
    failed: bool,
    slow: bool,
}

#[derive(Debug)]
struct Model {
    settings: Settings,
    tick: u64,
    state: CircuitState,
    /// Counts every change of state. A result counts only in the round of its call.
    round: u32,
    recorded: Vec<Recorded>,
    opened_at: u64,
    running_probes: u32,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Success,
    Answer,
    Failure,
    Ignored,
}

impl Model {
    fn go(&mut self, state: CircuitState) {
        self.state = state;
        self.round += 1;
        self.recorded.clear();
        self.running_probes = 0;
        self.opened_at = self.tick;
    }

    fn acquire(&mut self) -> Option<u32> {
        if self.state == Open && (self.tick - self.opened_at) * TICK >= RECOVERY {
            self.go(HalfOpen);
        }
        match self.state {
            Open => None,
            HalfOpen => {
                let reported = u32::try_from(self.recorded.len()).unwrap();
                if self.running_probes + reported < self.settings.probes {
                    self.running_probes += 1;
                    Some(self.round)
                } else {
                    None
                }
            }
            _ => Some(self.round),
        }
    }

    fn in_window(&self) -> Vec<Recorded> {
        let recent = match self.settings.window {
            Some(calls) => self.recorded.len().saturating_sub(calls as usize),
            None => 0,
        };
        let is_recent =
            |call: &&Recorded| self.settings.window.is_some() || self.tick - call.tick < 10;
        self.recorded[recent..].iter().filter(is_recent).copied().collect()
    }

    fn is_bad(&self, calls: &[Recorded]) -> bool {
        let reaches =
            |part: usize, rate: u32| part > 0 && part * 100 >= calls.len() * rate as usize;
        reaches(calls.iter().filter(|call| call.failed).count(), self.settings.failure_rate)
            || self
                .settings
                .slow_rate
                .is_some_and(|rate| reaches(calls.iter().filter(|call| call.slow).count(), rate))
    }

    fn settle(&mut self, round: u32, started: u64, end: End) {
        if round != self.round {
            return;
        }
        let slow = self.settings.slow_rate.is_some() && self.tick - started > SLOW;
        let recorded = Recorded { tick: self.tick, failed: matches!(end, End::Failure), slow };
        match self.state {
            Closed if matches!(end, End::Success | End::Failure) => {
                self.recorded.push(recorded);
                let calls = self.in_window();
                if calls.len() >= self.settings.min_calls as usize && self.is_bad(&calls) {
                    self.go(Open);
                }
            }
            HalfOpen => {
                self.running_probes -= 1;
                if !matches!(end, End::Ignored) {
                    self.recorded.push(recorded);
                    if self.recorded.len() == self.settings.probes as usize {
                        let next = if self.is_bad(&self.recorded) { Open } else { Closed };
                        self.go(next);
                    }
                }
            }
            _ => {}
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Acquire,
    /// Which of the running calls ends, and how.
    Settle(prop::sample::Index, End),
    Advance(u64),
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![
        5 => Just(End::Success), 3 => Just(End::Failure), 1 => Just(End::Answer), 1 => Just(End::Ignored)
    ];
    prop_oneof![
        10 => Just(Step::Acquire),
        10 => (any::<prop::sample::Index>(), end).prop_map(|(index, end)| Step::Settle(index, end)),
        4 => prop::sample::select(vec![1, 1, 1, 2, 3, 4, 9, 10, 50, 100]).prop_map(Step::Advance),
        1 => Just(Step::Reset),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let windows = prop_oneof![Just(None), (1..30_u32).prop_map(Some)];
    let slow = prop::option::of(prop::sample::select(vec![1, 30, 80, 100]));
    let rates = prop::sample::select(vec![1, 25, 50, 66, 100]);
    (windows, rates, slow, 1..12_u32, 1..5_u32).prop_map(
        |(window, failure_rate, slow_rate, min_calls, probes)| {
            let min_calls = min_calls.min(window.unwrap_or(u32::MAX));
            Settings { window, failure_rate, slow_rate, min_calls, probes }
        },
    )
}

fn finish(permit: Permit<'_>, end: End) {
    match end {
        End::Success => permit.succeeded(),
        End::Answer => permit.failed(&Classification::permanent("NOT_FOUND")),
        End::Failure => permit.failed(&Classification::transient("BUSY")),
        End::Ignored => permit.ignore(),
    }
}

async fn walk(settings: Settings, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let breaker = CircuitBreaker::new("model")
        .failure_rate(settings.failure_rate)
        .min_calls(1)
        .probes(settings.probes)
        .recovery_timeout(millis(RECOVERY));
    let breaker = match settings.window {
        Some(calls) => breaker.window(calls),
        None => breaker.window_time(millis(10 * TICK)),
    };
    let breaker = match settings.slow_rate {
        Some(rate) => breaker.slow_calls(millis(SLOW * TICK), rate),
        None => breaker,
    };
    let breaker = breaker.min_calls(settings.min_calls);
    let mut model = Model {
        settings,
        tick: 0,
        state: Closed,
        round: 0,
        recorded: Vec::new(),
        opened_at: 0,
        running_probes: 0,
    };
    let mut out: Vec<(Permit<'_>, u32, u64)> = Vec::new();
    for step in steps {
        match &step {
            Step::Acquire => match (breaker.acquire(), model.acquire()) {
                (Ok(permit), Some(round)) => out.push((permit, round, model.tick)),
                (Err(_), None) => {}
                (breaker, model) => prop_assert!(false, "{:?} but the model {:?}", breaker, model),
            },
            Step::Settle(index, end) if !out.is_empty() => {
                let (permit, round, started) = out.swap_remove(index.index(out.len()));
                finish(permit, *end);
                model.settle(round, started, *end);
            }
            Step::Settle(..) => {}
            Step::Advance(ticks) => {
                // A probe that runs for long would be lost, as the other model has it.
                let ticks = if model.state == HalfOpen { 1 } else { *ticks };
                tokio::time::advance(Duration::from_millis(ticks * TICK)).await;
                model.tick += ticks;
            }
            Step::Reset => {
                breaker.reset();
                model.go(Closed);
            }
        }
        prop_assert_eq!(breaker.state(), model.state, "after {:?} at {}", step, model.tick);
        if model.state == Closed {
            let (counts, calls) = (breaker.metrics().window.unwrap(), model.in_window());
            let count = |is: fn(&&Recorded) -> bool| calls.iter().filter(is).count() as u64;
            prop_assert_eq!(
                (counts.calls, counts.failures, counts.slow),
                (calls.len() as u64, count(|call| call.failed), count(|call| call.slow)),
                "after {:?} at {}",
                step,
                model.tick
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_walks_agree_with_the_model_of_a_failure_rate(settings in settings(), steps in prop::collection::vec(step(), 1..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(walk(settings, steps))?;
    }
}
