//! Attributes on an `impl` block: which methods get the layers, and what these share.

#![deny(warnings, clippy::pedantic)]
#![allow(clippy::unused_async, reason = "a method of these tests has nothing to wait for")]

mod coverage;
mod lints;
mod own_attributes;
mod state;
mod traits;

use std::collections::BTreeMap;
use std::sync::Mutex;

use resilience_test_support::CallError;

/// A callee whose operations fail as often as told, by their names.
#[derive(Debug, Default)]
pub(crate) struct Callee {
    failures: Mutex<BTreeMap<&'static str, u32>>,
    calls: Mutex<Vec<&'static str>>,
}

impl Callee {
    /// The next calls of this operation are answered with [`CallError::Busy`].
    pub(crate) fn fails(&self, operation: &'static str, times: u32) {
        self.failures.lock().unwrap().insert(operation, times);
    }

    /// Counts the call, and answers it.
    pub(crate) fn call(&self, operation: &'static str) -> Result<u32, CallError> {
        let mut calls = self.calls.lock().unwrap();
        calls.push(operation);
        let mut failures = self.failures.lock().unwrap();
        match failures.get_mut(operation) {
            Some(left @ 1..) => {
                *left -= 1;
                Err(CallError::Busy)
            }
            _ => Ok(calls.iter().filter(|call| **call == operation).count().try_into().unwrap()),
        }
    }

    /// How often the operation was called.
    pub(crate) fn calls(&self, operation: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|call| **call == operation).count()
    }
}
