//! The breaker against a simple model: both must go through random walks in the same way.

use std::time::Duration;

use proptest::prelude::*;
use resilience::circuit_breaker::CircuitState::{
    self, Closed, Disabled, ForcedClosed, ForcedOpen, HalfOpen, Open,
};
use resilience::{CircuitBreaker, Classification, circuit_breaker::Permit};

/// All times in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Settings {
    threshold: u32,
    probes: u32,
    recovery: u64,
    growth: u32,
}

#[derive(Debug)]
struct Model {
    settings: Settings,
    now: u64,
    state: CircuitState,
    /// Counts every change of state and every reset; a call belongs to the round in which it was
    /// admitted.
    round: u32,
    failures: u32,
    /// When it opened, for how long, and how many consecutive probes have failed.
    opened_at: u64,
    wait: u64,
    reopened: u32,
    out: u32,
    succeeded: u32,
    /// Slots beyond `probes`: one for each probe of this round that was dropped, up to fifteen.
    extra: u32,
    lease: u64,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Success,
    Answer,
    Failure,
    /// Neutral, by `ignore`.
    Nothing,
    /// Dropped without a result.
    Dropped,
}

impl Model {
    fn new(settings: Settings) -> Self {
        let state = Closed;
        let (failures, opened_at, wait, reopened, out, succeeded, extra, lease) =
            (0, 0, 0, 0, 0, 0, 0, 0);
        Self {
            settings,
            now: 0,
            state,
            round: 0,
            failures,
            opened_at,
            wait,
            reopened,
            out,
            succeeded,
            extra,
            lease,
        }
    }

    fn go(&mut self, state: CircuitState) {
        self.state = state;
        self.round += 1;
        self.failures = 0;
        self.out = 0;
        self.succeeded = 0;
        self.extra = 0;
    }

    fn open(&mut self, reopened: u32) {
        self.go(Open);
        self.opened_at = self.now;
        self.reopened = reopened;
        let grown =
            self.settings.recovery * u64::from(self.settings.growth.saturating_pow(reopened));
        self.wait = grown.min(self.settings.recovery * 10);
    }

    /// The round in which the call was admitted, or the time to wait.
    fn acquire(&mut self) -> Result<u32, Option<u64>> {
        if self.state == Open && self.now >= self.opened_at + self.wait {
            self.go(HalfOpen);
        }
        match self.state {
            Open => Err(Some(self.opened_at + self.wait - self.now)),
            HalfOpen if self.out + self.succeeded < self.settings.probes + self.extra => {
                if self.out == 0 {
                    self.lease = self.now;
                }
                self.out += 1;
                Ok(self.round)
            }
            HalfOpen if self.now - self.lease >= self.settings.recovery => {
                self.open(self.reopened + 1);
                Err(Some(self.wait))
            }
            HalfOpen | ForcedOpen => Err(None),
            _ => Ok(self.round),
        }
    }

    fn settle(&mut self, round: u32, end: End) {
        if round != self.round {
            return;
        }
        match (self.state, end) {
            (Closed | ForcedClosed, End::Success) => self.failures = 0,
            (Closed | ForcedClosed, End::Failure) => {
                self.failures += 1;
                if self.state == Closed && self.failures == self.settings.threshold {
                    self.open(0);
                }
            }
            (HalfOpen, End::Success | End::Answer) => {
                self.out -= 1;
                self.succeeded += 1;
                self.lease = self.now;
                if self.succeeded == self.settings.probes {
                    self.go(Closed);
                }
            }
            (HalfOpen, End::Failure) => self.open(self.reopened + 1),
            (HalfOpen, End::Nothing) => self.out -= 1,
            (HalfOpen, End::Dropped) => {
                self.out -= 1;
                self.extra = 15.min(self.extra + 1);
            }
            _ => {}
        }
    }

    fn set(&mut self, state: CircuitState) {
        if self.state != state || state == Closed {
            self.go(state);
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Acquire,
    /// Which of the running calls ends, and how.
    Settle(prop::sample::Index, End),
    /// In tenths of the recovery timeout.
    Advance(u64),
    AdvanceMillis(u64),
    Set(CircuitState),
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![3 => Just(End::Failure), 2 => Just(End::Success), 1 => Just(End::Answer), 1 => Just(End::Nothing), 1 => Just(End::Dropped)]
}

fn step() -> impl Strategy<Value = Step> {
    let states = prop::sample::select(vec![Closed, ForcedOpen, ForcedClosed, Disabled]);
    prop_oneof![
        40 => Just(Step::Acquire),
        40 => (any::<prop::sample::Index>(), end()).prop_map(|(index, end)| Step::Settle(index, end)),
        12 => prop::sample::select(vec![1, 5, 10, 20, 100]).prop_map(Step::Advance),
        4 => (1..5_u64).prop_map(Step::AdvanceMillis),
        2 => states.prop_map(Step::Set),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    (1..5_u32, 1..4_u32, prop::sample::select(vec![1, 10, 1_000, 30_000]), 1..4_u32).prop_map(
        |(threshold, probes, recovery, growth)| Settings { threshold, probes, recovery, growth },
    )
}

fn finish(permit: Permit<'_>, end: End) {
    match end {
        End::Success => permit.succeeded(),
        End::Answer => permit.failed(&Classification::permanent("NOT_FOUND")),
        End::Failure => permit.failed(&Classification::transient("BUSY")),
        End::Nothing => permit.ignore(),
        End::Dropped => drop(permit),
    }
}

async fn walk(settings: Settings, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let breaker = CircuitBreaker::new("model")
        .failure_threshold(settings.threshold)
        .probes(settings.probes)
        .recovery_timeout(Duration::from_millis(settings.recovery))
        .recovery_growth(settings.growth);
    let mut model = Model::new(settings);
    let mut out: Vec<(Permit<'_>, u32)> = Vec::new();
    for step in steps {
        match &step {
            Step::Acquire => match (breaker.acquire(), model.acquire()) {
                (Ok(permit), Ok(round)) => out.push((permit, round)),
                (Err(rejected), Err(wait)) => {
                    let expected = resilience::Rejected::circuit_open(
                        "model",
                        wait.map(Duration::from_millis),
                    );
                    prop_assert_eq!(rejected, expected);
                }
                (breaker, model) => prop_assert!(false, "{:?} but the model {:?}", breaker, model),
            },
            Step::Settle(index, end) if !out.is_empty() => {
                let (permit, round) = out.swap_remove(index.index(out.len()));
                finish(permit, *end);
                model.settle(round, *end);
            }
            Step::Settle(..) => {}
            Step::Advance(_) | Step::AdvanceMillis(_) => {
                let millis = match step {
                    Step::Advance(tenths) => settings.recovery * tenths / 10,
                    Step::AdvanceMillis(millis) => millis,
                    _ => 0,
                };
                tokio::time::advance(Duration::from_millis(millis)).await;
                model.now += millis;
            }
            Step::Set(state) => {
                match state {
                    ForcedOpen => breaker.force_open(),
                    ForcedClosed => breaker.force_closed(),
                    Disabled => breaker.disable(),
                    _ => breaker.reset(),
                }
                model.set(*state);
            }
        }
        prop_assert_eq!(breaker.state(), model.state, "after {:?} at {}", step, model.now);
        let metrics = breaker.metrics();
        prop_assert_eq!(
            metrics.consecutive_failures,
            u64::from(model.failures),
            "after {:?}",
            step
        );
    }
    // After any walk, and with calls that never end, it recovers.
    std::mem::forget(out);
    if matches!(breaker.state(), Closed | Open | HalfOpen) {
        for _ in 0..8 {
            tokio::time::advance(Duration::from_millis(settings.recovery * 10)).await;
            if let Ok(permit) = breaker.acquire() {
                permit.succeeded();
            }
        }
        prop_assert_eq!(breaker.state(), Closed, "wedged");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_walks_agree_with_the_circuit_breaker_model(settings in settings(), steps in prop::collection::vec(step(), 1..150)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(walk(settings, steps))?;
    }
}
