//! The ways of retrying: a naive loop, the defaults of other libraries, and this one's.
//!
//! Each gives an attempt the same timeout. What a library does by default is taken from its
//! documentation, which is named beside it.

use std::fmt;
use std::iter;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use resilience::{CircuitBreaker, Rejected, RetryBudget, circuit_breaker, retry, timeout};
use tokio::time::sleep;

use crate::service::{Failure, Service};

/// How long a client waits for an answer.
pub const TIMEOUT: Duration = Duration::from_secs(1);

/// A way of retrying.
#[derive(Clone, Copy)]
pub struct Policy {
    /// What the plot and the table call it.
    pub name: &'static str,
    start: fn(&Arc<Service>, usize) -> Vec<Process>,
}

/// One process of clients.
#[derive(Clone)]
pub struct Process(Arc<dyn Fn() -> Call + Send + Sync>);

type Call = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Process")
    }
}

impl Process {
    fn new<F>(call: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(call())))
    }

    /// Makes one operation, with its retries.
    pub fn call(&self) -> impl Future<Output = Result<(), Failure>> + Send + use<> {
        (self.0)()
    }
}

impl Policy {
    /// Starts processes that call the service.
    pub fn start(&self, service: &Arc<Service>, processes: usize) -> Vec<Process> {
        (self.start)(service, processes)
    }

    /// All of them.
    pub fn all() -> [Self; 8] {
        [
            Self { name: "no retry", start: |service, n| each(n, || no_retry(service)) },
            Self { name: "naive", start: |service, n| each(n, || naive(service)) },
            Self { name: "backon", start: |service, n| each(n, || backon(service)) },
            Self { name: "tokio-retry2", start: |service, n| each(n, || tokio_retry2(service)) },
            Self {
                name: "tower-resilience",
                start: |service, n| each(n, || tower_resilience(service)),
            },
            Self { name: "seatbelt", start: seatbelt },
            Self::retry(),
            Self::breaker(),
        ]
    }

    /// `#[retry]` with its defaults.
    pub const fn retry() -> Self {
        Self { name: "#[retry]", start: |service, n| each(n, || ours(service)) }
    }

    /// `#[retry]` and `#[circuit_breaker]` with their defaults.
    pub const fn breaker() -> Self {
        Self {
            name: "#[retry] #[circuit_breaker]",
            start: |service, n| each(n, || ours_with_breaker(service)),
        }
    }
}

fn each(processes: usize, start: impl FnMut() -> Process) -> Vec<Process> {
    iter::repeat_with(start).take(processes).collect()
}

/// One attempt, for those that have no timeout of their own.
async fn attempt(service: Arc<Service>) -> Result<(), Failure> {
    let answer = tokio::time::timeout(TIMEOUT, service.request()).await;
    answer.unwrap_or_else(|_| Err(Rejected::timed_out("service", TIMEOUT).into()))
}

fn no_retry(service: &Arc<Service>) -> Process {
    let service = Arc::clone(service);
    Process::new(move || attempt(Arc::clone(&service)))
}

/// What one writes by hand: ten attempts, with a fixed delay of 100 ms.
fn naive(service: &Arc<Service>) -> Process {
    let service = Arc::clone(service);
    Process::new(move || {
        let service = Arc::clone(&service);
        async move {
            let mut attempts = 1;
            loop {
                match attempt(Arc::clone(&service)).await {
                    Err(_) if attempts < 10 => attempts += 1,
                    outcome => return outcome,
                }
                sleep(Duration::from_millis(100)).await;
            }
        }
    })
}

/// `ExponentialBuilder::default()`: 3 retries after 1 s, 2 s and 4 s, without jitter.
fn backon(service: &Arc<Service>) -> Process {
    use ::backon::{ExponentialBuilder, Retryable};
    let service = Arc::clone(service);
    Process::new(move || {
        let service = Arc::clone(&service);
        (move || attempt(Arc::clone(&service))).retry(ExponentialBuilder::default())
    })
}

/// The example of its README: 3 retries after 10 ms, 100 ms and 100 ms, times 0.5 to 1.5.
fn tokio_retry2(service: &Arc<Service>) -> Process {
    use ::tokio_retry2::strategy::{ExponentialBackoff, MaxInterval};
    use ::tokio_retry2::{Retry, RetryError};
    /// The library's `jitter`, with random numbers that have a seed.
    fn jitter(delay: Duration) -> Duration {
        delay.mul_f64(fastrand::f64() + 0.5)
    }
    let service = Arc::clone(service);
    Process::new(move || {
        let service = Arc::clone(&service);
        let delays = ExponentialBackoff::from_millis(10)
            .factor(1)
            .max_delay_millis(100)
            .max_interval(10_000)
            .map(jitter)
            .take(3);
        Retry::spawn(delays, move || {
            let service = Arc::clone(&service);
            async move { attempt(service).await.map_err(RetryError::transient) }
        })
    })
}

/// `RetryLayer::builder()`: 3 attempts, with delays of 100 ms and 200 ms, without jitter.
fn tower_resilience(service: &Arc<Service>) -> Process {
    use ::tower_resilience::retry::RetryLayer;
    use tower::{Layer, ServiceExt, service_fn};
    let service = Arc::clone(service);
    let layer = RetryLayer::<(), (), Failure>::builder().build();
    let retried = layer.layer(service_fn(move |()| attempt(Arc::clone(&service))));
    Process::new(move || retried.clone().oneshot(()))
}

/// `Retry::layer`: 3 retries from 10 ms on, with decorrelated jitter.
fn seatbelt(service: &Arc<Service>, processes: usize) -> Vec<Process> {
    use ::seatbelt::retry::Retry;
    use ::seatbelt::{RecoveryInfo, ResilienceContext};
    use layered::{Execute, Service as _, Stack};
    // Its clock isn't tokio's, and so has to be advanced with it.
    let clock = tick::ClockControl::new();
    let context = ResilienceContext::<(), Result<(), Failure>>::new(clock.to_clock());
    tokio::spawn(async move {
        const STEP: Duration = Duration::from_millis(1);
        let mut ticks = tokio::time::interval(STEP);
        loop {
            ticks.tick().await;
            clock.advance(STEP);
        }
    });
    each(processes, || {
        let layer =
            Retry::layer("retry", &context).clone_input().recovery_with(
                |outcome, _| match outcome {
                    Err(_) => RecoveryInfo::retry(),
                    Ok(()) => RecoveryInfo::never(),
                },
            );
        let service = Arc::clone(service);
        let execute = Execute::new(move |()| attempt(Arc::clone(&service)));
        let retried = Arc::new((layer, execute).into_service());
        Process::new(move || {
            let retried = Arc::clone(&retried);
            async move { retried.execute(()).await }
        })
    })
}

/// A process of this library's users.
struct Client {
    service: Arc<Service>,
    budget: RetryBudget,
    breaker: CircuitBreaker,
}

impl Client {
    fn new(service: &Arc<Service>) -> Arc<Self> {
        let service = Arc::clone(service);
        let breaker = CircuitBreaker::new("service");
        Arc::new(Self { service, budget: RetryBudget::standard(), breaker })
    }

    #[retry(idempotent, budget = self.budget)]
    #[timeout("1s")]
    async fn call(&self) -> Result<(), Failure> {
        self.service.request().await
    }

    #[retry(idempotent, budget = self.budget)]
    #[circuit_breaker(self.breaker)]
    #[timeout("1s")]
    async fn guarded_call(&self) -> Result<(), Failure> {
        self.service.request().await
    }
}

/// 3 attempts from 500 ms on, with jitter and a budget.
fn ours(service: &Arc<Service>) -> Process {
    let client = Client::new(service);
    Process::new(move || {
        let client = Arc::clone(&client);
        async move { client.call().await }
    })
}

/// The same, with a breaker that opens after 5 failures, for 30 s.
fn ours_with_breaker(service: &Arc<Service>) -> Process {
    let client = Client::new(service);
    Process::new(move || {
        let client = Arc::clone(&client);
        async move { client.guarded_call().await }
    })
}
