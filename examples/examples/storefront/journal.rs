//! A log of events for the screen.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Number of lines the screen shows.
const KEPT: usize = 5;

pub(crate) struct Journal {
    started: Instant,
    /// Whether each line is also printed immediately.
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

    /// The latest lines, oldest first.
    pub(crate) fn latest(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
