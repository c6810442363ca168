//! What the shop measures of its dependencies, from `resilience`'s events and its own counters.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use resilience::circuit_breaker::CircuitState;
use resilience::degrade::Source;
use resilience::{CircuitBreaker, CircuitBreakers};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::journal::Journal;
use crate::latency::Latencies;
use crate::shop::{self, PartnerId};

pub(crate) static INVENTORY: Dependency = Dependency::new(Guard::One(&shop::INVENTORY));
pub(crate) static RECOMMENDATIONS: Dependency = Dependency::new(Guard::One(&shop::RECOMMENDATIONS));
pub(crate) static SEARCH: Dependency = Dependency::new(Guard::One(&shop::SEARCH));
pub(crate) static PARTNERS: Dependency = Dependency::new(Guard::Each(&shop::PARTNERS));
pub(crate) static PAYMENTS: Dependency = Dependency::new(Guard::One(&shop::PAYMENTS));
pub(crate) static ALL: [&Dependency; 5] =
    [&INVENTORY, &RECOMMENDATIONS, &SEARCH, &PARTNERS, &PAYMENTS];

/// Of each flip of the kill switch, as logged.
static FLIPS: Mutex<Vec<bool>> = Mutex::new(Vec::new());

pub(crate) struct Dependency {
    pub(crate) guard: Guard,
    pub(crate) latencies: Latencies,
    calls: AtomicU64,
    sent: AtomicU64,
    retries: AtomicU64,
    switched_off: AtomicU64,
    log: Mutex<Log>,
}

/// A breaker, or a set of them.
pub(crate) enum Guard {
    One(&'static CircuitBreaker),
    Each(&'static CircuitBreakers<PartnerId>),
}

/// What events have said of a dependency.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    /// Reasons why calls weren't retried, with counts.
    pub(crate) given_up: BTreeMap<String, u64>,
    /// Answers that weren't live, by their source: `cache` or `default`.
    pub(crate) degraded: BTreeMap<String, u64>,
    /// The age of the oldest value from the cache.
    pub(crate) oldest: Duration,
    /// Openings of circuits, by key and reason.
    pub(crate) opened: BTreeMap<(String, String), u64>,
}

impl Log {
    pub(crate) fn degraded(&self, source: &str) -> u64 {
        self.degraded.get(source).copied().unwrap_or_default()
    }
}

impl Guard {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::One(breaker) => breaker.name(),
            Self::Each(breakers) => breakers.name(),
        }
    }

    /// The state, and what the screen says of it.
    pub(crate) fn state(&self) -> (CircuitState, String) {
        match self {
            Self::One(breaker) => (breaker.state(), breaker.state().to_string()),
            Self::Each(breakers) => {
                let metrics = breakers.metrics();
                let state = match (metrics.open, metrics.half_open) {
                    (0, 0) => CircuitState::Closed,
                    (0, _) => CircuitState::HalfOpen,
                    _ => CircuitState::Open,
                };
                let affected = metrics.open + metrics.half_open;
                let text = match affected {
                    0 => state.to_string(),
                    _ => format!("{affected}/{} {state}", metrics.keys),
                };
                (state, text)
            }
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state().0 == CircuitState::Closed
    }

    pub(crate) fn opened(&self) -> u64 {
        match self {
            Self::One(breaker) => breaker.metrics().opened,
            Self::Each(breakers) => breakers.metrics().opened,
        }
    }

    fn rejected(&self) -> u64 {
        match self {
            Self::One(breaker) => breaker.metrics().rejected,
            Self::Each(breakers) => breakers.metrics().rejected,
        }
    }
}

impl Dependency {
    const fn new(guard: Guard) -> Self {
        Self {
            guard,
            latencies: Latencies::new(),
            calls: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            switched_off: AtomicU64::new(0),
            log: Mutex::new(Log {
                given_up: BTreeMap::new(),
                degraded: BTreeMap::new(),
                oldest: Duration::ZERO,
                opened: BTreeMap::new(),
            }),
        }
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.guard.name()
    }

    pub(crate) fn sent(&self) {
        self.sent.fetch_add(1, Relaxed);
    }

    /// Counts the answers that the kill switch gave, of which there are no events.
    pub(crate) fn answered(&self, source: Source) {
        if matches!(source, Source::Fallback { cause: "SWITCHED_OFF", .. }) {
            self.switched_off.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            calls: self.calls.load(Relaxed),
            sent: self.sent.load(Relaxed),
            retries: self.retries.load(Relaxed),
            rejected: self.guard.rejected(),
            switched_off: self.switched_off.load(Relaxed),
        }
    }

    pub(crate) fn log(&self) -> Log {
        self.with_log(|log| log.clone())
    }

    fn with_log<T>(&self, act: impl FnOnce(&mut Log) -> T) -> T {
        act(&mut self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Measures a whole call, including its retries, waits and fallback.
    pub(crate) async fn timed<T>(&self, call: impl Future<Output = T>) -> T {
        self.calls.fetch_add(1, Relaxed);
        let begun = Instant::now();
        let outcome = call.await;
        self.latencies.add(begun.elapsed());
        outcome
    }
}

pub(crate) struct Counts {
    /// Calls the shop made.
    pub(crate) calls: u64,
    /// Requests sent: attempts that the circuit admitted.
    pub(crate) sent: u64,
    pub(crate) retries: u64,
    /// Attempts that an open circuit rejected.
    pub(crate) rejected: u64,
    /// Calls that the kill switch answered.
    pub(crate) switched_off: u64,
}

/// Whether each flip of the kill switch turned it on.
pub(crate) fn flips() -> Vec<bool> {
    FLIPS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Counts the events of `resilience`.
pub(crate) struct Listener {
    pub(crate) journal: Arc<Journal>,
}

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if fields.get("message") == "flag_changed" {
            let on = fields.get("on") == "true";
            FLIPS.lock().unwrap_or_else(PoisonError::into_inner).push(on);
            let what = if on { "switched on" } else { "switched off" };
            return self.journal.note(fields.get("flag"), &format!("{what} by an operator"));
        }
        let Some(dependency) =
            ALL.iter().find(|dependency| dependency.name() == fields.get("service"))
        else {
            return;
        };
        let count = |counts: &mut BTreeMap<String, u64>, name| {
            *counts.entry(fields.get(name).to_owned()).or_default() += 1;
        };
        match fields.get("message") {
            "retry_scheduled" => {
                dependency.retries.fetch_add(1, Relaxed);
            }
            "retry_stopped" => {
                dependency.with_log(|log| count(&mut log.given_up, "reason"));
            }
            "graceful_degradation_activated" => dependency.with_log(|log| {
                count(&mut log.degraded, "source");
                if let Ok(age) = fields.get("age_ms").parse() {
                    log.oldest = log.oldest.max(Duration::from_millis(age));
                }
            }),
            "circuit_breaker_state_change" => {
                let [key, old, new, reason] =
                    ["key", "old_state", "new_state", "reason"].map(|name| fields.get(name));
                if new == "open" {
                    let opening = (key.to_owned(), reason.to_owned());
                    dependency.with_log(|log| *log.opened.entry(opening).or_default() += 1);
                }
                let what = format!("circuit {old} -> {new} ({reason})");
                let who = if key.is_empty() { dependency.name() } else { key };
                self.journal.note(who, &what);
            }
            _ => {}
        }
    }
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Fields {
    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}
