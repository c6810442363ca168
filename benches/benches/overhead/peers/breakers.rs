//! Libraries that do one thing: break the circuit.

use std::time::Duration;

use failsafe::futures::CircuitBreaker;
use failsafe::{Config, backoff, failure_policy};
use recloser::{AsyncRecloser, Recloser};

use super::{A_DAY, MIN_CALLS, RECOVERY, WINDOW};
use crate::body::small;
use crate::harness::{Case, Contender};

fn in_a_row(recovery: Duration) -> impl CircuitBreaker + Sync + 'static {
    Config::new()
        .failure_policy(failure_policy::consecutive_failures(5, backoff::constant(recovery)))
        .build()
}

fn over_calls(recovery: Duration) -> AsyncRecloser {
    Recloser::custom().closed_len(100).open_wait(recovery).build().into()
}

fn over_time() -> impl CircuitBreaker + Sync + 'static {
    let backoff = backoff::constant(RECOVERY);
    let policy = failure_policy::success_rate_over_time_window(0.5, MIN_CALLS, WINDOW, backoff);
    Config::new().failure_policy(policy).build()
}

pub(super) fn contenders() -> Vec<Contender> {
    let (rate, time) = (over_calls(RECOVERY), over_time());
    let windows = [
        Contender::new(Case::BreakerRate, "recloser", move |input| rate.call(small(input))),
        Contender::new(Case::BreakerTime, "failsafe", move |input| time.call(small(input))),
    ];
    [(Case::Breaker, RECOVERY), (Case::Rejected, A_DAY)]
        .into_iter()
        .flat_map(|(case, recovery)| {
            let failsafe = in_a_row(recovery);
            let recloser = over_calls(recovery);
            [
                Contender::new(case, "failsafe", move |input| failsafe.call(small(input))),
                Contender::new(case, "recloser", move |input| recloser.call(small(input))),
            ]
        })
        .chain(windows)
        .collect()
}
