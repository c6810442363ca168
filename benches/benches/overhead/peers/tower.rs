//! tower itself, with a policy that retries transient errors twice.

use tokio::time::{Sleep, sleep};
use tower::retry::{Policy, Retry};
use tower::service_fn;
use tower::timeout::Timeout;

use super::{BASE, LIMIT};
use crate::body::{CallError, small};
use crate::harness::{Case, Contender};

#[derive(Clone)]
struct Twice(u32);

impl Policy<u64, u64, CallError> for Twice {
    type Future = Sleep;

    fn retry(&mut self, _: &mut u64, outcome: &mut Result<u64, CallError>) -> Option<Sleep> {
        match outcome {
            Err(error) if error.is_transient() && self.0 < 2 => {
                self.0 += 1;
                Some(sleep(BASE * self.0))
            }
            _ => None,
        }
    }

    fn clone_request(&mut self, request: &u64) -> Option<u64> {
        Some(*request)
    }
}

pub(super) fn contenders() -> Vec<Contender> {
    vec![
        Contender::tower(Case::Retry, "tower", Retry::new(Twice(0), service_fn(small))),
        Contender::tower(Case::Timeout, "tower", Timeout::new(service_fn(small), LIMIT)),
    ]
}
