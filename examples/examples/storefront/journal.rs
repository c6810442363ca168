//! What happened, in order.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How much of it is kept for the screen.
const KEPT: usize = 7;

pub(crate) struct Journal {
    started: Instant,
    /// Whether each line is printed as it comes.
    prints: bool,
    lines: Mutex<VecDeque<String>>,
}

impl Journal {
    pub(crate) fn start(prints: bool) -> Self {
        Self { started: Instant::now(), prints, lines: Mutex::new(VecDeque::new()) }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn note(&self, who: &str, what: &str) {
        let line = format!("{:>6.1} s  {who:<15} {what}", self.elapsed().as_secs_f32());
        if self.prints {
            println!("{line}");
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// The last few lines, the oldest first.
    pub(crate) fn latest(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
