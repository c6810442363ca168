//! The shop's own HTTP API.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header::RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use resilience::Classify as _;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::shop::{Order, Receipt, Recommendations, Shop, ShopError, Stock};
use crate::telemetry::{INVENTORY, PAYMENTS, RECOMMENDATIONS};

#[derive(Serialize, Deserialize)]
pub(crate) struct Page {
    pub(crate) stock: Stock,
    pub(crate) recommendations: Recommendations,
}

/// The response to a checkout, paid or not.
#[derive(Serialize, Deserialize)]
pub(crate) struct Checkout {
    pub(crate) stock: Stock,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Paid(Receipt),
    Problem(Problem),
}

/// What a client sees of an error: no internal details.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Problem {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// Starts the server, which runs until the program exits.
pub(crate) async fn start(shop: Shop) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let routes = Router::new()
        .route("/product/{sku}", get(product))
        .route("/checkout", post(checkout))
        .with_state(Arc::new(shop));
    tokio::spawn(axum::serve(listener, routes).into_future());
    Ok(address)
}

async fn product(
    State(shop): State<Arc<Shop>>,
    Path(sku): Path<String>,
) -> Result<Json<Page>, ShopError> {
    let stock = INVENTORY.timed(shop.stock(&sku)).await?;
    let recommendations = RECOMMENDATIONS.timed(shop.recommendations(&sku)).await?;
    Ok(Json(Page { stock, recommendations }))
}

async fn checkout(
    State(shop): State<Arc<Shop>>,
    Json(order): Json<Order>,
) -> Result<Response, ShopError> {
    let stock = INVENTORY.timed(shop.stock(&order.sku)).await?;
    Ok(match PAYMENTS.timed(shop.charge(&order)).await {
        Ok(receipt) => Json(Checkout { stock, outcome: Outcome::Paid(receipt) }).into_response(),
        Err(error) => {
            let answer = Json(Checkout { stock, outcome: Outcome::Problem(Problem::of(&error)) });
            with_status(&error, answer.into_response())
        }
    })
}

impl Problem {
    fn of(error: &ShopError) -> Self {
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
