//! The shop's calls to its upstreams. Read this file first: the attributes are all that keeps the
//! shop up.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use resilience::http::{ResponseExt as _, UpstreamError};
use resilience::{
    CircuitBreaker, CircuitBreakers, Classify as _, Flag, Rejected, ServiceError, Sourced,
    circuit_breaker, degrade, millis, retry, secs, timeout,
};
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::services::Charge;
use crate::upstream::IDEMPOTENCY_KEY;

#[derive(Debug, thiserror::Error, ServiceError)]
pub(crate) enum ShopError {
    #[error("{sku} is not in the catalogue")]
    #[service(not_found, public = "No such item")]
    UnknownSku { sku: String },
    #[error(transparent)]
    #[service(transparent)]
    Http(#[from] reqwest::Error),
    #[error(transparent)]
    #[service(transparent)]
    Upstream(#[from] UpstreamError),
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] Rejected),
}

// In production a breaker waits 15 to 60 seconds. These recover within the demo.
pub(crate) static INVENTORY: CircuitBreaker =
    CircuitBreaker::new("inventory").failure_threshold(5).recovery_timeout(millis(1000));
pub(crate) static RECOMMENDATIONS: CircuitBreaker =
    CircuitBreaker::new("recommendations").failure_threshold(5).recovery_timeout(millis(1500));
pub(crate) static PAYMENTS: CircuitBreaker =
    CircuitBreaker::new("payments").failure_threshold(5).recovery_timeout(millis(1000));
/// Opens if half of the last 20 calls failed, even if no five of them failed in a row.
pub(crate) static SEARCH: CircuitBreaker = CircuitBreaker::new("search")
    .failure_rate(50)
    .window(20)
    .min_calls(10)
    .recovery_timeout(millis(1000));
/// A breaker for each partner. The names of partners aren't personal, so events may have them.
pub(crate) static PARTNERS: CircuitBreakers<PartnerId> = CircuitBreakers::new("partners")
    .failure_threshold(3)
    .recovery_timeout(millis(1000))
    .log_keys(PartnerId::to_string);

pub(crate) const ACME: PartnerId = PartnerId("acme");
pub(crate) const GLOBEX: PartnerId = PartnerId("globex");

/// A kill switch for operators.
pub(crate) static SHOW_RECOMMENDATIONS: Flag = Flag::new("recommendations");

/// How old a known stock may be.
pub(crate) const STOCK_MAX_AGE: Duration = secs(4);

pub(crate) struct Shop {
    pub(crate) inventory: Client,
    pub(crate) recommendations: Client,
    pub(crate) search: Client,
    pub(crate) payments: Client,
    pub(crate) partners: BTreeMap<PartnerId, Client>,
}

impl Shop {
    /// While inventory is down, the last known stock is shown, and after a while items are assumed
    /// to be in stock. A 404 is an answer rather than an outage, so it has no fallback.
    #[degrade(
        fallback = Stock::assumed(sku),
        stale(max_age = STOCK_MAX_AGE, key = sku, shared(self)),
        service = "inventory"
    )]
    #[retry(idempotent, attempts = 3, base = "50ms", max_delay = "400ms")]
    #[circuit_breaker(INVENTORY)]
    #[timeout("250ms")]
    pub(crate) async fn stock(&self, sku: &str) -> Result<Sourced<Stock>, ShopError> {
        let answer = self.inventory.get(&format!("/stock/{sku}")).send().await?;
        if answer.status() == reqwest::StatusCode::NOT_FOUND {
            return Err(ShopError::UnknownSku { sku: sku.to_owned() });
        }
        Ok(Sourced::live(answer.checked("inventory")?.json().await?))
    }

    /// Optional: with short timeouts, a fallback for every failure, and a kill switch.
    #[degrade(
        fallback = Recommendations::bestsellers(),
        non_critical,
        flag = SHOW_RECOMMENDATIONS,
        service = "recommendations"
    )]
    #[retry(idempotent, attempts = 2, base = "30ms", max_delay = "100ms")]
    #[circuit_breaker(RECOMMENDATIONS)]
    #[timeout("150ms")]
    pub(crate) async fn recommendations(
        &self,
        sku: &str,
    ) -> Result<Sourced<Recommendations>, ShopError> {
        let answer = self.recommendations.get(&format!("/similar/{sku}")).send().await?;
        Ok(Sourced::live(answer.checked("recommendations")?.json().await?))
    }

    /// Busy, so its breaker judges the rate of failures.
    #[degrade(fallback = Hits::none(), service = "search")]
    #[circuit_breaker(SEARCH)]
    #[timeout("200ms")]
    pub(crate) async fn search(&self, term: &str) -> Result<Sourced<Hits>, ShopError> {
        let answer = self.search.get(&format!("/hits/{term}")).send().await?;
        Ok(Sourced::live(answer.checked("search")?.json().await?))
    }

    /// A partner that is down doesn't stop the calls to the others.
    #[degrade(fallback = Offer::none(partner), service = "partners")]
    #[circuit_breaker(PARTNERS, key = partner)]
    #[timeout("1s")]
    async fn offer(&self, partner: PartnerId, sku: &str) -> Result<Sourced<Offer>, ShopError> {
        let answer = self.partners[&partner].get(&format!("/offers/{sku}")).send().await?;
        Ok(Sourced::live(answer.checked("partners")?.json().await?))
    }

    /// The critical path: a payment has no fallback. The order's id is the idempotency key, so
    /// payments recognises a repeated charge: from a retry here, from the queue, and from a
    /// customer who tries again later.
    #[timeout("4s", service = "payments")]
    #[retry(idempotency_key = order.id, attempts = 3, base = "100ms", max_delay = "1s")]
    #[circuit_breaker(PAYMENTS)]
    #[timeout("300ms")]
    pub(crate) async fn charge(&self, order: &Order) -> Result<Receipt, ShopError> {
        let key = resilience::context().idempotency_key().unwrap_or_default();
        let charge = Charge { order: order.id.clone(), cents: order.cents };
        let answer = self
            .payments
            .post("/charges")
            .header(IDEMPOTENCY_KEY, key)
            .json(&charge)
            .send()
            .await?;
        Ok(answer.checked("payments")?.json().await?)
    }

    /// The offers of all partners.
    pub(crate) async fn offers(&self, sku: &str) -> Result<Vec<Sourced<Offer>>, ShopError> {
        let mut offers = Vec::new();
        for partner in self.partners.keys() {
            offers.push(crate::telemetry::PARTNERS.timed(self.offer(*partner, sku)).await?);
        }
        Ok(offers)
    }
}

impl ShopError {
    /// Whether the call wasn't made because a circuit is open.
    pub(crate) fn is_circuit_open(&self) -> bool {
        self.classify().rejected().is_some_and(|rejected| rejected.is_circuit_open())
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stock {
    pub(crate) sku: String,
    /// `None` if unknown.
    pub(crate) left: Option<u64>,
}

impl Stock {
    fn assumed(sku: &str) -> Self {
        Self { sku: sku.to_owned(), left: None }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Recommendations {
    pub(crate) items: Vec<String>,
}

impl Recommendations {
    fn bestsellers() -> Self {
        Self { items: vec!["sku-1".to_owned(), "sku-2".to_owned()] }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hits {
    pub(crate) items: Vec<String>,
}

impl Hits {
    const fn none() -> Self {
        Self { items: Vec::new() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PartnerId(pub(crate) &'static str);

impl fmt::Display for PartnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Offer {
    pub(crate) partner: String,
    /// `None` if unknown.
    pub(crate) cents: Option<u64>,
}

impl Offer {
    fn none(partner: PartnerId) -> Self {
        Self { partner: partner.to_string(), cents: None }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) sku: String,
    pub(crate) cents: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) number: usize,
}
