//! The service: a queue, a capacity, and an outage.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use resilience::{Rejected, ServiceError};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::measure::Series;

/// How long one request travels, there and back.
const ROUND_TRIP: Duration = Duration::from_millis(4);

/// How often the service takes requests from its queue.
const TICK: Duration = Duration::from_millis(2);

/// Why a request failed.
#[derive(Debug, thiserror::Error, ServiceError)]
pub enum Failure {
    /// Nothing listens: the service is down.
    #[error("connection refused")]
    #[service(unavailable)]
    Refused,
    /// The queue is full.
    #[error("the service is overloaded")]
    #[service(unavailable, code = "OVERLOADED")]
    Overloaded,
    /// The service stopped while the request was in its queue.
    #[error("connection reset")]
    #[service(unavailable, code = "RESET")]
    Reset,
    /// The client stopped waiting, or its circuit breaker is open.
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] Rejected),
}

/// What the service does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It answers as many requests as it can.
    Up = 0,
    /// It refuses connections, as a process that has ended.
    Down = 1,
    /// It accepts requests and answers none, as a process that waits for its database.
    Stalled = 2,
}

/// A service that answers the requests of its queue in their order, at a fixed rate.
///
/// It doesn't know which of its clients are still waiting, as most services don't. A request whose
/// client has given up costs as much as any other.
#[derive(Debug)]
pub struct Service {
    capacity: usize,
    longest_queue: usize,
    queue: Mutex<VecDeque<oneshot::Sender<()>>>,
    health: AtomicU8,
    series: Arc<Series>,
}

impl Service {
    /// A service that answers `capacity` requests per second, a multiple of 500, and keeps up to
    /// `longest_queue` waiting.
    pub fn new(capacity: usize, longest_queue: usize, series: Arc<Series>) -> Self {
        let queue = Mutex::new(VecDeque::with_capacity(longest_queue));
        Self { capacity, longest_queue, queue, health: AtomicU8::new(Health::Up as u8), series }
    }

    /// Sends one request.
    ///
    /// # Errors
    ///
    /// What the service, or its absence, answers. A request in the queue waits without a limit.
    pub async fn request(&self) -> Result<(), Failure> {
        self.series.offered();
        sleep(ROUND_TRIP).await;
        let answer = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            if self.health.load(Relaxed) == Health::Down as u8 {
                return Err(Failure::Refused);
            }
            if queue.len() >= self.longest_queue {
                return Err(Failure::Overloaded);
            }
            let (sender, answer) = oneshot::channel();
            queue.push_back(sender);
            answer
        };
        answer.await.map_err(|_| Failure::Reset)
    }

    /// Changes what the service does from now on.
    pub fn turn(&self, health: Health) {
        self.health.store(health as u8, Relaxed);
        if health == Health::Down {
            self.queue.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    /// Answers requests until it is dropped.
    pub async fn serve(&self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if self.health.load(Relaxed) != Health::Up as u8 {
                continue;
            }
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            let ready = queue.len().min(self.capacity / 500);
            for client in queue.drain(..ready) {
                // Whether the client still waits or not, the work was done.
                let _ = client.send(());
            }
        }
    }
}
