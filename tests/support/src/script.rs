use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::CallError;

/// A callee that answers as scripted, and afterwards always with success.
#[derive(Debug)]
pub struct Script {
    answers: Mutex<VecDeque<Answer>>,
    calls: AtomicU32,
    times: Mutex<Vec<Instant>>,
}

/// One answer of a [`Script`].
#[derive(Debug, Clone)]
pub enum Answer {
    /// At once.
    Now(Result<u32, CallError>),
    /// After some time.
    After(Duration, Result<u32, CallError>),
    /// Never.
    Hang,
    /// A panic.
    Panic,
}

impl Script {
    /// A script of failures that come at once.
    pub fn failures(errors: impl IntoIterator<Item = CallError>) -> Self {
        Self::new(errors.into_iter().map(|error| Answer::Now(Err(error))))
    }

    /// A script of anything.
    pub fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        crate::events::listen();
        Self {
            answers: Mutex::new(answers.into_iter().collect()),
            calls: AtomicU32::new(0),
            times: Mutex::default(),
        }
    }

    /// The call itself. A success is the number of the call, from 1.
    ///
    /// # Errors
    /// Where the script has an error.
    ///
    /// # Panics
    /// Where the script has a panic.
    pub async fn call(&self) -> Result<u32, CallError> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        self.times.lock().unwrap().push(Instant::now());
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            None => Ok(number),
            Some(Answer::Now(outcome)) => outcome,
            Some(Answer::After(wait, outcome)) => {
                tokio::time::sleep(wait).await;
                outcome
            }
            Some(Answer::Hang) => std::future::pending().await,
            Some(Answer::Panic) => panic!("the callee panics"),
        }
    }

    /// The number of calls so far.
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// The waits between the calls.
    ///
    /// # Panics
    /// If a call panicked while its time was recorded.
    pub fn gaps(&self) -> Vec<Duration> {
        self.times.lock().unwrap().windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}
