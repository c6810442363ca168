use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::runtime::Handle;
use tokio::time::Sleep;

use crate::layer::events;
use crate::layer::site::Site;

/// The time to wait before the next attempt, as returned by
/// [`Attempts::judge`](super::Attempts::judge).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "the next attempt is due after this wait"]
pub struct Wait(pub(crate) Duration);

impl Wait {
    /// The duration of the wait.
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// Waits on tokio's clock. A wait of zero yields to other tasks if this task has used up its
    /// budget.
    ///
    /// Dropping the future cancels the wait and has no other effect.
    pub fn pause(self) -> Pause {
        if self.is_skipped() {
            Pause::Yield
        } else {
            Pause::Sleep { sleep: tokio::time::sleep(self.0) }
        }
    }

    /// Blocks the thread for the duration of the wait, and inside a runtime all tasks on that thread.
    ///
    /// Use this for operations that aren't async, on threads of their own or in
    /// [`spawn_blocking`](tokio::task::spawn_blocking). A paused clock doesn't shorten the wait.
    pub fn block(self) {
        if !self.is_skipped() {
            std::thread::sleep(self.0);
        }
    }

    /// Whether there is nothing to wait for. Always so in tests that skip the waits.
    #[inline]
    pub(crate) fn is_skipped(self) -> bool {
        #[cfg(feature = "testing")]
        if crate::support::isolation::skips_waits() {
            return true;
        }
        self.0.is_zero()
    }

    /// The same, which warns once per site if the thread is one of a runtime.
    pub(crate) fn block_and_warn(self, site: &Site) {
        if !self.is_skipped() && Handle::try_current().is_ok() {
            events::retry_blocks_runtime(site, self.0);
        }
        self.block();
    }
}

pin_project! {
    /// The future returned by [`Wait::pause`].
    #[project = PauseProjection]
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub enum Pause {
        #[doc(hidden)]
        Yield,
        #[doc(hidden)]
        Sleep {
            #[pin]
            sleep: Sleep,
        },
    }
}

impl Future for Pause {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.project() {
            // `consume_budget` has no state, so it can be created anew at every poll.
            PauseProjection::Yield => pin!(tokio::task::consume_budget()).poll(cx),
            PauseProjection::Sleep { sleep } => sleep.poll(cx),
        }
    }
}
