//! What the shop measures of its dependencies, from `resilience`'s events and its own counters.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use resilience::CircuitBreaker;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::journal::Journal;
use crate::latency::Latencies;
use crate::shop;

pub(crate) static INVENTORY: Dependency = Dependency::new(&shop::INVENTORY);
pub(crate) static RECOMMENDATIONS: Dependency = Dependency::new(&shop::RECOMMENDATIONS);
pub(crate) static PAYMENTS: Dependency = Dependency::new(&shop::PAYMENTS);
pub(crate) static ALL: [&Dependency; 3] = [&INVENTORY, &RECOMMENDATIONS, &PAYMENTS];

pub(crate) struct Dependency {
    pub(crate) breaker: &'static CircuitBreaker,
    pub(crate) latencies: Latencies,
    calls: AtomicU64,
    sent: AtomicU64,
    retries: AtomicU64,
    degraded: AtomicU64,
    /// Reasons why calls weren't retried, with counts.
    given_up: Mutex<BTreeMap<String, u64>>,
}

impl Dependency {
    const fn new(breaker: &'static CircuitBreaker) -> Self {
        Self {
            breaker,
            latencies: Latencies::new(),
            calls: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            degraded: AtomicU64::new(0),
            given_up: Mutex::new(BTreeMap::new()),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.breaker.name()
    }

    pub(crate) fn sent(&self) {
        self.sent.fetch_add(1, Relaxed);
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            calls: self.calls.load(Relaxed),
            sent: self.sent.load(Relaxed),
            retries: self.retries.load(Relaxed),
            degraded: self.degraded.load(Relaxed),
            rejected: self.breaker.metrics().rejected,
        }
    }

    pub(crate) fn given_up(&self) -> BTreeMap<String, u64> {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
    /// Calls answered by a fallback.
    pub(crate) degraded: u64,
    /// Attempts that an open circuit rejected.
    pub(crate) rejected: u64,
}

/// Counts the events of `resilience`.
pub(crate) struct Listener {
    pub(crate) journal: Arc<Journal>,
}

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Some(dependency) =
            ALL.iter().find(|dependency| dependency.name() == fields.get("service"))
        else {
            return;
        };
        match fields.get("message") {
            "retry_scheduled" => {
                dependency.retries.fetch_add(1, Relaxed);
            }
            "retry_stopped" => {
                let mut given_up =
                    dependency.given_up.lock().unwrap_or_else(PoisonError::into_inner);
                *given_up.entry(fields.get("reason").to_owned()).or_default() += 1;
            }
            "graceful_degradation_activated" => {
                dependency.degraded.fetch_add(1, Relaxed);
            }
            "circuit_breaker_state_change" => {
                let [old, new, reason] =
                    ["old_state", "new_state", "reason"].map(|name| fields.get(name));
                self.journal.note(dependency.name(), &format!("circuit {old} -> {new} ({reason})"));
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
