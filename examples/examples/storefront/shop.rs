//! The shop's calls to its upstreams. Read this file first: the attributes are all that keeps the
//! shop up.

use resilience::http::{ResponseExt as _, UpstreamError};
use resilience::{
    CircuitBreaker, Rejected, ServiceError, circuit_breaker, degrade, millis, retry, timeout,
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

pub(crate) struct Shop {
    pub(crate) inventory: Client,
    pub(crate) recommendations: Client,
    pub(crate) payments: Client,
}

impl Shop {
    /// While inventory is down, items are assumed to be in stock. A 404 is an answer rather than an
    /// outage, so it has no fallback.
    #[degrade(fallback = Stock::assumed(sku), service = "inventory")]
    #[retry(idempotent, attempts = 3, base = "50ms", max_delay = "400ms")]
    #[circuit_breaker(INVENTORY)]
    #[timeout("250ms")]
    pub(crate) async fn stock(&self, sku: &str) -> Result<Stock, ShopError> {
        let answer = self.inventory.get(&format!("/stock/{sku}")).send().await?;
        if answer.status() == reqwest::StatusCode::NOT_FOUND {
            return Err(ShopError::UnknownSku { sku: sku.to_owned() });
        }
        Ok(answer.checked("inventory")?.json().await?)
    }

    /// Optional: with short timeouts, and a fallback for every failure.
    #[degrade(fallback = Recommendations::bestsellers(), non_critical, service = "recommendations")]
    #[retry(idempotent, attempts = 2, base = "30ms", max_delay = "100ms")]
    #[circuit_breaker(RECOMMENDATIONS)]
    #[timeout("150ms")]
    pub(crate) async fn recommendations(&self, sku: &str) -> Result<Recommendations, ShopError> {
        let answer = self.recommendations.get(&format!("/similar/{sku}")).send().await?;
        Ok(answer.checked("recommendations")?.json().await?)
    }

    /// The critical path: a payment has no fallback. The order's id is the idempotency key, so
    /// payments recognises a repeated charge, both from a retry here and from a customer who tries
    /// again later.
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    Live,
    Fallback,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stock {
    pub(crate) sku: String,
    /// `None` if unknown.
    pub(crate) left: Option<u64>,
    pub(crate) source: Source,
}

impl Stock {
    fn assumed(sku: &str) -> Self {
        Self { sku: sku.to_owned(), left: None, source: Source::Fallback }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Recommendations {
    pub(crate) items: Vec<String>,
    pub(crate) source: Source,
}

impl Recommendations {
    fn bestsellers() -> Self {
        Self { items: vec!["sku-1".to_owned(), "sku-2".to_owned()], source: Source::Fallback }
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
