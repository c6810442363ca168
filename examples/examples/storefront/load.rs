//! Simulated customers, who view pages, place orders, and retry when asked to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::front::{Outcome, Problem};
use crate::journal::Journal;
use crate::script::LENGTH;
use crate::services::{ITEMS, left};
use crate::shop::Order;
use crate::telemetry::{self, Dependency};

/// Interval between two new customers.
const PACE: Duration = Duration::from_millis(25);
/// No new orders are placed during the last second, if payments has recovered.
const DOORS_CLOSE: Duration = LENGTH.saturating_sub(Duration::from_secs(1));
/// How long after the script's end orders may still be unpaid. Generous, for slow machines.
const PATIENCE: Duration = Duration::from_mins(1);
/// Delay before a customer asks for an order that was queued.
const ASK_DELAY: Duration = Duration::from_millis(500);
/// Delay before a customer retries an unpaid order. Longer than any `Retry-After` used here.
const RETRY_DELAY: Duration = Duration::from_secs(2);

pub(crate) struct Customers {
    http: reqwest::Client,
    front: String,
    tally: Mutex<Tally>,
}

/// A page, as customers see it.
#[derive(Deserialize)]
struct Page {
    stock: Stock,
    recommendations: Sourced,
    offers: Vec<Sourced>,
}

#[derive(Deserialize)]
struct Stock {
    sku: String,
    left: Option<u64>,
    source: String,
}

/// A part of a page.
#[derive(Deserialize)]
struct Sourced {
    source: String,
}

#[derive(Deserialize)]
struct Checkout {
    stock: Stock,
    #[serde(flatten)]
    outcome: Outcome,
}

impl Stock {
    /// Whether it is right for the item, also if it isn't live.
    fn is_right(&self, sku: &str) -> bool {
        let right = match self.source.as_str() {
            "live" | "cache" => self.left.is_some() && self.left == left(sku),
            _ => self.left.is_none(),
        };
        right && self.sku == sku
    }
}

/// The responses customers received.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) pages: u64,
    /// Correct "No such item" responses.
    pub(crate) absent: u64,
    /// Answers of each dependency by their source: `live`, `cache` or `default`.
    sources: BTreeMap<(&'static str, String), u64>,
    pub(crate) orders: u64,
    /// The orders confirmed as paid, with the price of each.
    pub(crate) paid: BTreeMap<String, u64>,
    /// Orders that were accepted while they couldn't be paid.
    pub(crate) queued: BTreeSet<String>,
    /// Checkouts answered with "try again later".
    pub(crate) deferred: u64,
    /// Responses that no customer should get.
    pub(crate) wrong: Vec<String>,
}

impl Tally {
    pub(crate) fn unpaid(&self) -> u64 {
        self.orders - self.paid.len() as u64
    }

    /// The number of answers of a dependency that came from there.
    pub(crate) fn seen(&self, dependency: &Dependency, source: &str) -> u64 {
        self.sources.get(&(dependency.name(), source.to_owned())).copied().unwrap_or_default()
    }

    fn see(&mut self, dependency: &Dependency, source: String) {
        *self.sources.entry((dependency.name(), source)).or_default() += 1;
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
            let healed = |of: &Dependency| of.guard.is_closed();
            let done = over && present.is_empty() && telemetry::ALL.into_iter().all(healed);
            if done || journal.elapsed() >= LENGTH + PATIENCE {
                break;
            }
            // Page views continue after the script: only a call can close a circuit.
            present.spawn(Arc::clone(&self).view(number));
            present.spawn(Arc::clone(&self).search(number));
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
        let sku = format!("sku-{item}");
        match answer.json::<Page>().await {
            Ok(page) if status == 200 && page.stock.is_right(&sku) => self.with(|tally| {
                tally.pages += 1;
                tally.see(&telemetry::INVENTORY, page.stock.source);
                tally.see(&telemetry::RECOMMENDATIONS, page.recommendations.source);
                for offer in page.offers {
                    tally.see(&telemetry::PARTNERS, offer.source);
                }
            }),
            _ => self.wrong(format!("page of {sku}: {status}")),
        }
    }

    async fn search(self: Arc<Self>, number: u64) {
        let url = format!("{}/search/shirt-{number}", self.front);
        match self.http.get(&url).send().await {
            Ok(answer) if answer.status().is_success() => match answer.json::<Sourced>().await {
                Ok(hits) => self.with(|tally| tally.see(&telemetry::SEARCH, hits.source)),
                Err(error) => self.wrong(format!("search: {error}")),
            },
            Ok(answer) => self.wrong(format!("search: {}", answer.status())),
            Err(error) => self.wrong(format!("search: {error}")),
        }
    }

    /// Tries to pay an order, waits for it if it was queued, and else retries it.
    async fn buy(self: Arc<Self>, number: u64) {
        let order = Order {
            id: format!("order-{number:04}"),
            sku: format!("sku-{}", number % ITEMS),
            cents: 500 + 10 * (number % 90),
        };
        self.with(|tally| tally.orders += 1);
        loop {
            match self.pay(&order).await {
                Some(Outcome::Paid(_)) => break,
                Some(Outcome::Queued) => {
                    self.with(|tally| tally.queued.insert(order.id.clone()));
                    break self.wait_for(&order.id).await;
                }
                _ => sleep(RETRY_DELAY).await,
            }
        }
        self.with(|tally| tally.paid.insert(order.id, order.cents));
    }

    /// `None` if there was no proper answer.
    async fn pay(&self, order: &Order) -> Option<Outcome> {
        let url = format!("{}/checkout", self.front);
        let answer = match self.http.post(url).json(order).send().await {
            Ok(answer) => answer,
            Err(error) => {
                self.wrong(format!("checkout of {}: {error}", order.id));
                return None;
            }
        };
        let status = answer.status().as_u16();
        let Ok(Checkout { stock, outcome }) = answer.json().await else {
            self.wrong(format!("checkout of {}: {status}", order.id));
            return None;
        };
        if !stock.is_right(&order.sku) {
            self.wrong(format!("checkout of {}: wrong stock", order.id));
        }
        self.with(|tally| tally.see(&telemetry::INVENTORY, stock.source));
        match (status, &outcome) {
            (200, Outcome::Paid(_)) | (202, Outcome::Queued) => {}
            (429 | 503 | 504, Outcome::Problem(_)) => self.with(|tally| tally.deferred += 1),
            (_, Outcome::Problem(Problem { code, .. })) => {
                self.wrong(format!("checkout of {}: {status} {code}", order.id));
            }
            _ => self.wrong(format!("checkout of {}: {status}", order.id)),
        }
        Some(outcome)
    }

    /// Asks for an order that was queued until it is paid.
    async fn wait_for(&self, id: &str) {
        let url = format!("{}/orders/{id}", self.front);
        loop {
            sleep(ASK_DELAY).await;
            let answer = match self.http.get(&url).send().await {
                Ok(answer) => answer.json().await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(Outcome::Paid(_)) => break,
                Ok(Outcome::Queued) => {}
                Ok(Outcome::Problem(Problem { code, .. })) => {
                    self.wrong(format!("{id}, which was queued: {code}"));
                }
                Err(error) => self.wrong(format!("{id}, which was queued: {error}")),
            }
        }
    }

    fn wrong(&self, what: String) {
        self.with(|tally| tally.wrong.push(what));
    }
}
