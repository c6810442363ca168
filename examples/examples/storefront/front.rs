//! The shop's own HTTP API.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header::RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use resilience::{Classify as _, Sourced};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::queue::PaymentQueue;
use crate::shop::{Hits, Offer, Order, Receipt, Recommendations, Shop, ShopError, Stock};
use crate::telemetry::{INVENTORY, PAYMENTS, RECOMMENDATIONS, SEARCH};

/// Each part has the fields `source` and `stale`, which say whether it is live.
#[derive(Serialize)]
struct Page {
    stock: Sourced<Stock>,
    recommendations: Sourced<Recommendations>,
    offers: Vec<Sourced<Offer>>,
}

/// The response to a checkout.
#[derive(Serialize)]
struct Checkout {
    stock: Sourced<Stock>,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Paid(Receipt),
    /// The order is accepted, and will be charged when payments has recovered.
    Queued,
    Problem(Problem),
}

/// What a client sees of an error: no internal details.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Problem {
    pub(crate) code: String,
    pub(crate) message: String,
}

#[derive(Clone)]
struct Front {
    shop: Arc<Shop>,
    queue: Arc<PaymentQueue>,
}

/// Starts the server, which runs until the program exits.
pub(crate) async fn start(shop: Shop) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let shop = Arc::new(shop);
    let queue = PaymentQueue::start(Arc::clone(&shop));
    let routes = Router::new()
        .route("/product/{sku}", get(product))
        .route("/search/{term}", get(search))
        .route("/checkout", post(checkout))
        .route("/orders/{id}", get(order))
        .with_state(Front { shop, queue });
    tokio::spawn(axum::serve(listener, routes).into_future());
    Ok(address)
}

async fn product(
    State(Front { shop, .. }): State<Front>,
    Path(sku): Path<String>,
) -> Result<Json<Page>, ShopError> {
    let stock = INVENTORY.timed(shop.stock(&sku)).await?;
    let recommendations = RECOMMENDATIONS.timed(shop.recommendations(&sku)).await?;
    RECOMMENDATIONS.answered(recommendations.source());
    let offers = shop.offers(&sku).await?;
    Ok(Json(Page { stock, recommendations, offers }))
}

async fn search(
    State(Front { shop, .. }): State<Front>,
    Path(term): Path<String>,
) -> Result<Json<Sourced<Hits>>, ShopError> {
    Ok(Json(SEARCH.timed(shop.search(&term)).await?))
}

async fn checkout(
    State(Front { shop, queue }): State<Front>,
    Json(order): Json<Order>,
) -> Result<Response, ShopError> {
    let stock = INVENTORY.timed(shop.stock(&order.sku)).await?;
    Ok(match PAYMENTS.timed(shop.charge(&order)).await {
        Ok(receipt) => Json(Checkout { stock, outcome: Outcome::Paid(receipt) }).into_response(),
        // Payments is known to be down: the customer needn't wait for it, nor try again.
        Err(error) if error.is_circuit_open() => {
            queue.queue_payment(order);
            let answer = Json(Checkout { stock, outcome: Outcome::Queued });
            (StatusCode::ACCEPTED, answer).into_response()
        }
        Err(error) => {
            let answer = Json(Checkout { stock, outcome: Outcome::Problem(Problem::of(&error)) });
            with_status(&error, answer.into_response())
        }
    })
}

/// What has become of an order that was queued.
async fn order(
    State(Front { queue, .. }): State<Front>,
    Path(id): Path<String>,
) -> Result<Json<Outcome>, StatusCode> {
    queue.outcome(&id).map(Json).ok_or(StatusCode::NOT_FOUND)
}

impl Problem {
    pub(crate) fn of(error: &ShopError) -> Self {
        Self {
            code: error.classify().code().to_owned(),
            message: error.public_message().into_owned(),
        }
    }
}

impl IntoResponse for ShopError {
    fn into_response(self) -> Response {
        with_status(&self, Json(Problem::of(&self)).into_response())
    }
}

/// Sets the status and `Retry-After` from the error's classification.
fn with_status(error: &ShopError, mut answer: Response) -> Response {
    let is = error.classify();
    *answer.status_mut() =
        StatusCode::from_u16(is.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(wait) = is.retry_after() {
        let seconds = wait.as_millis().div_ceil(1000);
        if let Ok(seconds) = seconds.to_string().parse() {
            answer.headers_mut().insert(RETRY_AFTER, seconds);
        }
    }
    answer
}
