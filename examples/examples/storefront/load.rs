//! Simulated customers, who view pages, place orders, and retry when asked to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use resilience::circuit_breaker::CircuitState;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::front::{Checkout, Outcome, Page, Problem};
use crate::journal::Journal;
use crate::script::LENGTH;
use crate::services::ITEMS;
use crate::shop::{Order, Source};
use crate::telemetry;

/// Interval between two new customers.
const PACE: Duration = Duration::from_millis(25);
/// No new orders are placed during the last second, if payments has recovered.
const DOORS_CLOSE: Duration = LENGTH.saturating_sub(Duration::from_secs(1));
/// How long after the script's end orders may still be unpaid. Generous, for slow machines.
const PATIENCE: Duration = Duration::from_mins(1);
/// Delay before a customer retries an unpaid order. Longer than any `Retry-After` used here.
const RETRY_DELAY: Duration = Duration::from_secs(2);

pub(crate) struct Customers {
    http: reqwest::Client,
    front: String,
    tally: Mutex<Tally>,
}

/// The responses customers received.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) pages: u64,
    /// Correct "No such item" responses.
    pub(crate) absent: u64,
    pub(crate) stock_fallbacks: u64,
    pub(crate) recommendation_fallbacks: u64,
    pub(crate) orders: u64,
    /// The orders confirmed as paid, with the price of each.
    pub(crate) paid: BTreeMap<String, u64>,
    /// Checkouts answered with "try again later".
    pub(crate) deferred: u64,
    /// Responses that no customer should get.
    pub(crate) wrong: Vec<String>,
}

impl Tally {
    pub(crate) fn unpaid(&self) -> u64 {
        self.orders - self.paid.len() as u64
    }
}

impl Customers {
    pub(crate) fn new(http: reqwest::Client, front: String) -> Self {
        Self { http, front, tally: Mutex::default() }
    }

    pub(crate) fn tally(&self) -> Tally {
        self.with(|tally| tally.clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Tally) -> T) -> T {
        act(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs until the script is over, every order is paid and every circuit is closed, or until
    /// `PATIENCE` is exhausted.
    pub(crate) async fn run(self: Arc<Self>, journal: &Journal) {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut present = JoinSet::new();
        for number in 0.. {
            pace.tick().await;
            while present.try_join_next().is_some() {}
            let over = journal.elapsed() >= LENGTH;
            // No request may be in flight when the totals are compared.
            while over
                && self.with(|tally| tally.unpaid() == 0)
                && present.join_next().await.is_some()
            {}
            let closing = journal.elapsed() >= DOORS_CLOSE;
            let healed = |of: &telemetry::Dependency| of.breaker.state() == CircuitState::Closed;
            let done = over && present.is_empty() && telemetry::ALL.into_iter().all(healed);
            if done || journal.elapsed() >= LENGTH + PATIENCE {
                break;
            }
            // Page views continue after the script: only a call can close a circuit.
            present.spawn(Arc::clone(&self).view(number));
            if number % 3 == 0 && !(closing && healed(&telemetry::PAYMENTS)) {
                present.spawn(Arc::clone(&self).buy(number));
            }
        }
    }

    async fn view(self: Arc<Self>, number: u64) {
        // One in twenty-one views asks for an item that doesn't exist.
        let item = number % (ITEMS + 1);
        let url = format!("{}/product/sku-{item}", self.front);
        let answer = match self.http.get(&url).send().await {
            Ok(answer) => answer,
            Err(error) => return self.wrong(format!("page of sku-{item}: {error}")),
        };
        let status = answer.status().as_u16();
        if status == 404 && item == ITEMS {
            return self.with(|tally| tally.absent += 1);
        }
        match answer.json::<Page>().await {
            Ok(page)
                if status == 200 && (item < ITEMS || page.stock.source == Source::Fallback) =>
            {
                self.with(|tally| {
                    tally.pages += 1;
                    tally.stock_fallbacks += u64::from(page.stock.source == Source::Fallback);
                    tally.recommendation_fallbacks +=
                        u64::from(page.recommendations.source == Source::Fallback);
                });
            }
            _ => self.wrong(format!("page of sku-{item}: {status}")),
        }
    }

    /// Retries the same order until it is paid.
    async fn buy(self: Arc<Self>, number: u64) {
        let order = Order {
            id: format!("order-{number:04}"),
            sku: format!("sku-{}", number % ITEMS),
            cents: 500 + 10 * (number % 90),
        };
        self.with(|tally| tally.orders += 1);
        while !self.pay(&order).await {
            sleep(RETRY_DELAY).await;
        }
    }

    async fn pay(&self, order: &Order) -> bool {
        let answer =
            match self.http.post(format!("{}/checkout", self.front)).json(order).send().await {
                Ok(answer) => answer,
                Err(error) => {
                    self.wrong(format!("checkout of {}: {error}", order.id));
                    return false;
                }
            };
        let status = answer.status().as_u16();
        let Ok(Checkout { stock, outcome }) = answer.json().await else {
            self.wrong(format!("checkout of {}: {status}", order.id));
            return false;
        };
        self.with(|tally| tally.stock_fallbacks += u64::from(stock.source == Source::Fallback));
        match outcome {
            Outcome::Paid(_) => {
                self.with(|tally| tally.paid.insert(order.id.clone(), order.cents));
                return true;
            }
            Outcome::Problem(_) if matches!(status, 429 | 503 | 504) => {
                self.with(|tally| tally.deferred += 1);
            }
            Outcome::Problem(Problem { code, .. }) => {
                self.wrong(format!("checkout of {}: {status} {code}", order.id));
            }
        }
        false
    }

    fn wrong(&self, what: String) {
        self.with(|tally| tally.wrong.push(what));
    }
}
