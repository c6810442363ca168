//! The upstreams' handlers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use crate::shop::{Hits, Offer, PartnerId, Receipt, Recommendations, Stock};
use crate::upstream::{IDEMPOTENCY_KEY, OnRecord};

/// Items `sku-0` to `sku-19` exist.
pub(crate) const ITEMS: u64 = 20;

pub(crate) fn inventory() -> Router {
    async fn stock(Path(sku): Path<String>) -> Result<Json<Stock>, StatusCode> {
        match left(&sku) {
            Some(left) => Ok(Json(Stock { sku, left: Some(left) })),
            None => Err(StatusCode::NOT_FOUND),
        }
    }
    Router::new().route("/stock/{sku}", get(stock))
}

/// How many of an item are left, if it exists.
pub(crate) fn left(sku: &str) -> Option<u64> {
    let number = sku.strip_prefix("sku-")?.parse::<u64>().ok()?;
    (number < ITEMS).then_some(3 + number)
}

pub(crate) fn recommendations() -> Router {
    async fn similar(Path(sku): Path<String>) -> Json<Recommendations> {
        let items = (1..=3).map(|near| format!("{sku}-like-{near}")).collect();
        Json(Recommendations { items })
    }
    Router::new().route("/similar/{sku}", get(similar))
}

pub(crate) fn search() -> Router {
    async fn hits(Path(term): Path<String>) -> Json<Hits> {
        let items = (1..=3).map(|number| format!("{term} {number}")).collect();
        Json(Hits { items })
    }
    Router::new().route("/hits/{term}", get(hits))
}

pub(crate) fn partner(partner: PartnerId) -> Router {
    async fn offer(State(partner): State<PartnerId>, Path(_): Path<String>) -> Json<Offer> {
        Json(Offer { partner: partner.to_string(), cents: Some(990) })
    }
    Router::new().route("/offers/{sku}", get(offer)).with_state(partner)
}

pub(crate) fn payments(ledger: Arc<Ledger>) -> Router {
    Router::new().route("/charges", post(charge)).with_state(ledger)
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Charge {
    pub(crate) order: String,
    pub(crate) cents: u64,
}

/// The charges that payments has really made.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<Books>);

#[derive(Default)]
struct Books {
    charges: Vec<Charge>,
    receipts: HashMap<String, Receipt>,
    repeats: u64,
}

impl Ledger {
    /// Charges once per key. Returns the receipt, and whether the key was known already.
    fn charge(&self, key: &str, charge: Charge) -> (Receipt, bool) {
        let mut books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(receipt) = books.receipts.get(key).cloned() {
            books.repeats += 1;
            return (receipt, true);
        }
        books.charges.push(charge);
        let receipt = Receipt { number: books.charges.len() };
        books.receipts.insert(key.to_owned(), receipt.clone());
        (receipt, false)
    }

    pub(crate) fn charges(&self) -> Vec<Charge> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).charges.clone()
    }

    /// Number of requests whose key had been charged already.
    pub(crate) fn repeats(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).repeats
    }
}

async fn charge(
    State(ledger): State<Arc<Ledger>>,
    headers: HeaderMap,
    Json(charge): Json<Charge>,
) -> Response {
    let key = headers.get(IDEMPOTENCY_KEY).and_then(|key| key.to_str().ok());
    // All callers without a key would share the empty one.
    let Some(key) = key.filter(|key| !key.is_empty()) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let (receipt, on_record) = ledger.charge(key, charge);
    let mut answer = Json(receipt).into_response();
    if on_record {
        answer.extensions_mut().insert(OnRecord);
    }
    answer
}
