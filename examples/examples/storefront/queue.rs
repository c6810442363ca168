//! Payments that wait until payments has recovered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use resilience::{Category, Classify as _};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::front::{Outcome, Problem};
use crate::shop::{Order, Shop};
use crate::telemetry;

/// Between two tries, unless the error says how long to wait.
const PAUSE: Duration = Duration::from_millis(200);

/// A real shop keeps these orders in its database, so that they outlive the process.
pub(crate) struct PaymentQueue {
    waiting: mpsc::UnboundedSender<Order>,
    outcomes: Mutex<HashMap<String, Outcome>>,
}

impl PaymentQueue {
    /// Starts to work off the queue.
    pub(crate) fn start(shop: Arc<Shop>) -> Arc<Self> {
        let (waiting, orders) = mpsc::unbounded_channel();
        let queue = Arc::new(Self { waiting, outcomes: Mutex::default() });
        tokio::spawn(Arc::clone(&queue).work(shop, orders));
        queue
    }

    /// Accepts an order that can't be paid now.
    pub(crate) fn queue_payment(&self, order: Order) {
        let known = self.with(|outcomes| outcomes.insert(order.id.clone(), Outcome::Queued));
        if known.is_none() {
            // Fails only when the worker has stopped, with the program.
            let _ = self.waiting.send(order);
        }
    }

    /// What has become of an order that was queued.
    pub(crate) fn outcome(&self, order: &str) -> Option<Outcome> {
        self.with(|outcomes| outcomes.get(order).cloned())
    }

    async fn work(self: Arc<Self>, shop: Arc<Shop>, mut orders: mpsc::UnboundedReceiver<Order>) {
        while let Some(order) = orders.recv().await {
            let outcome = pay(&shop, &order).await;
            self.with(|outcomes| outcomes.insert(order.id, outcome));
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, Outcome>) -> T) -> T {
        act(&mut self.outcomes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Tries until the order is paid or refused. However often that is, it is charged once.
async fn pay(shop: &Shop, order: &Order) -> Outcome {
    loop {
        let error = match telemetry::PAYMENTS.timed(shop.charge(order)).await {
            Ok(receipt) => return Outcome::Paid(receipt),
            Err(error) => error,
        };
        let is = error.classify();
        if is.category() != Some(Category::Transient) {
            return Outcome::Problem(Problem::of(&error));
        }
        sleep(is.retry_after().unwrap_or(PAUSE)).await;
    }
}
