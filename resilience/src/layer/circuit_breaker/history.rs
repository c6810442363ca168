use std::sync::atomic::AtomicU64;

use super::counter::Counter;
use super::listeners::Listeners;

/// What a breaker has counted, and who listens to it.
#[derive(Debug)]
pub(super) struct History {
    pub(super) counted_failures: AtomicU64,
    pub(super) opened: AtomicU64,
    pub(super) rejected: Counter,
    pub(super) abandoned: AtomicU64,
    pub(super) listeners: Listeners,
}

impl History {
    pub(super) const fn new() -> Self {
        Self {
            counted_failures: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            rejected: Counter::new(),
            abandoned: AtomicU64::new(0),
            listeners: Listeners::new(),
        }
    }
}
