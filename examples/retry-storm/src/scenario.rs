//! What happens to the service, and the clients that go through it.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::{Instant, sleep, sleep_until};

use crate::measure::{Outcome, Series, Summary};
use crate::policies::Policy;
use crate::service::{Health, Service};

/// One experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// What the plot and the table call it.
    pub name: &'static str,
    /// One line about it.
    pub description: &'static str,
    /// What the service does during the outage.
    pub failure: Health,
    /// Number of clients.
    pub clients: usize,
    /// How many clients share a process, and so its budget and its breaker.
    pub clients_per_process: usize,
    /// The mean time between the end of an operation and the next one of the same client.
    pub pause: Duration,
    /// Requests per second that the service answers.
    pub capacity: usize,
    /// Requests that wait at most.
    pub longest_queue: usize,
    /// When the service fails, in seconds.
    pub outage: Range<usize>,
    /// When the experiment ends, in seconds.
    pub length: usize,
}

impl Scenario {
    /// The service's process ends, and is started again. Half of its capacity is in use before.
    pub const fn restart() -> Self {
        Self {
            name: "restart",
            description: "the service is down for 30 s, and refuses connections",
            failure: Health::Down,
            clients: 10_000,
            clients_per_process: 100,
            pause: Duration::from_secs(10),
            capacity: 2_000,
            longest_queue: 4_000,
            outage: 30..60,
            length: 120,
        }
    }

    /// The service stops answering and then goes on, with its queue full of requests whose clients
    /// have given up. The queue is longer than clients wait, so a service that is sent too much
    /// answers only such requests, and never gets out of it by itself: it is metastable.
    pub const fn stall() -> Self {
        Self {
            name: "stall",
            description: "the service accepts requests for 30 s and answers none",
            failure: Health::Stalled,
            ..Self::restart()
        }
    }

    /// Runs the experiment. `progress` is told of each second.
    ///
    /// The same seed gives the same result.
    ///
    /// # Panics
    ///
    /// If no runtime can be created.
    pub fn run(&self, policy: &Policy, seed: u64, mut progress: impl FnMut(usize)) -> Outcome {
        fastrand::seed(seed);
        resilience::retry::seed_jitter(seed);
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let seconds = runtime.expect("a runtime").block_on(async {
            let series = Arc::new(Series::new(self.length));
            let service =
                Arc::new(Service::new(self.capacity, self.longest_queue, Arc::clone(&series)));
            let serving = Arc::clone(&service);
            tokio::spawn(async move { serving.serve().await });
            for process in policy.start(&service, self.clients / self.clients_per_process) {
                for _ in 0..self.clients_per_process {
                    let (process, series) = (process.clone(), Arc::clone(&series));
                    let mut pauses = Pauses::new(self.pause);
                    tokio::spawn(async move {
                        loop {
                            sleep(pauses.next()).await;
                            series.called();
                            let outcome = process.call().await;
                            series.ended(outcome.is_ok());
                        }
                    });
                }
            }
            let start = Instant::now();
            for second in 0..self.length {
                if second == self.outage.start {
                    service.turn(self.failure);
                } else if second == self.outage.end {
                    service.turn(Health::Up);
                }
                progress(second);
                sleep_until(start + Duration::from_secs(second as u64 + 1)).await;
            }
            series.seconds()
        });
        let summary = Summary::of(&seconds, self.outage.clone());
        Outcome { policy: policy.name, seconds, summary }
    }
}

/// Exponentially distributed pauses, so that operations arrive at random.
struct Pauses {
    mean: Duration,
    random: fastrand::Rng,
}

impl Pauses {
    fn new(mean: Duration) -> Self {
        Self { mean, random: fastrand::Rng::with_seed(fastrand::u64(..)) }
    }

    fn next(&mut self) -> Duration {
        self.mean.mul_f64(-(1.0 - self.random.f64()).ln())
    }
}
