//! What all messages of a consumer share: when it is paused, and when it stops.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use resilience::Retry;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// How far a consumer is with stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Running,
    /// No new message and no new attempt; what runs may finish.
    Draining,
    /// The grace period is over.
    Aborting,
}

pub(crate) struct Control {
    stage: watch::Sender<Stage>,
    paused_until: watch::Sender<Option<Instant>>,
    pauses: Mutex<u32>,
    backoff: Retry,
}

/// The wait ended because the consumer stops.
pub(crate) struct Stopping;

impl Control {
    pub(crate) fn new(backoff: Retry) -> Self {
        Self {
            stage: watch::Sender::new(Stage::Running),
            paused_until: watch::Sender::new(None),
            pauses: Mutex::new(0),
            backoff,
        }
    }

    /// Moves on to a later stage; never back.
    pub(crate) fn advance(&self, stage: Stage) {
        self.stage.send_if_modified(|now| {
            let is_later = stage > *now;
            *now = stage.max(*now);
            is_later
        });
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stage.borrow() >= Stage::Draining
    }

    /// Resolves once this stage, or a later one, is reached.
    pub(crate) async fn reached(&self, stage: Stage) {
        // The sender is in `self`, so the channel isn't closed.
        let _ = self.stage.subscribe().wait_for(|now| *now >= stage).await;
    }

    /// Pauses the source: for this time if it is known, or else with backoff that grows with each
    /// pause until a message succeeds. Returns the time.
    pub(crate) fn pause(&self, time: Option<Duration>) -> Duration {
        let now = Instant::now();
        let is_paused = self.paused_until.borrow().is_some_and(|until| until > now);
        let pauses = {
            let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
            // Messages that fail side by side are one failure.
            if !is_paused {
                *pauses = pauses.saturating_add(1);
            }
            *pauses
        };
        let time = time.unwrap_or_else(|| delay(&self.backoff, pauses.max(1)));
        let until = now.checked_add(time);
        self.paused_until.send_modify(|paused| *paused = until.max(*paused));
        time
    }

    /// A message has succeeded: the next pause is short again.
    pub(crate) fn succeeded(&self) {
        *self.pauses.lock().unwrap_or_else(PoisonError::into_inner) = 0;
    }

    /// Waits until the source isn't paused.
    pub(crate) async fn resumed(&self) -> Result<(), Stopping> {
        loop {
            if self.is_stopping() {
                return Err(Stopping);
            }
            let until = *self.paused_until.borrow();
            match until {
                Some(until) if until > Instant::now() => self.sleep_until(until).await?,
                _ => return Ok(()),
            }
        }
    }

    pub(crate) async fn sleep(&self, time: Duration) -> Result<(), Stopping> {
        tokio::select! {
            biased;
            () = self.reached(Stage::Draining) => Err(Stopping),
            () = tokio::time::sleep(time) => Ok(()),
        }
    }

    async fn sleep_until(&self, until: Instant) -> Result<(), Stopping> {
        tokio::select! {
            biased;
            () = self.reached(Stage::Draining) => Err(Stopping),
            () = sleep_until(until) => Ok(()),
        }
    }
}

/// The delay after this attempt, counted from 1.
pub(crate) fn delay(backoff: &Retry, attempt: u32) -> Duration {
    // No delay grows after 64 doublings.
    let retry = attempt.saturating_sub(1).min(64) as usize;
    backoff.delays().nth(retry).unwrap_or_default()
}
