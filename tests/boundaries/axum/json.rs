//! `Json`: invalid bodies, and which field is wrong.

use std::collections::HashMap;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use resilience::axum::{Json, RequestLayer};
use resilience_test_support::Records;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{ask, json_request as request, request as bare};

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Order {
    items: Vec<Item>,
    #[serde(default, rename = "ship/to~")]
    ship_to: Option<Address>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Item {
    sku: String,
    quantity: u32,
}

#[derive(Debug, Deserialize, Serialize)]
struct Address {
    city: String,
}

fn app() -> Router {
    Router::new()
        .route("/orders", post(async |Json(order): Json<Order>| Json(order)))
        .route("/broken", post(async || Json(HashMap::from([((1, 2), 3)]))))
        .layer(DefaultBodyLimit::max(200))
        .layer(RequestLayer::new())
}

#[tokio::test]
async fn valid_json_reaches_the_handler() {
    let body = r#"{"items":[{"sku":"S-7","quantity":2}],"ship/to~":null}"#;
    let answer = ask(app(), request("POST", "/orders", body)).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(answer.body, body);
    let mut patch = request("POST", "/orders", body);
    patch
        .headers_mut()
        .insert("content-type", "Application/Merge-Patch+JSON; charset=utf-8".parse().unwrap());
    assert_eq!(ask(app(), patch).await.status, 200);
}

#[tokio::test]
async fn invalid_field_is_named_by_a_pointer() {
    let table = [
        (
            r#"{"items": [{"sku": "S", "quantity": "two"}]}"#,
            "#/items/0/quantity",
            "expected an integer from 0 to 4294967295, found a string",
        ),
        (
            r#"{"items": [{"sku": "S", "quantity": 1}, {"sku": "S"}]}"#,
            "#/items/1/quantity",
            "is missing",
        ),
        (
            r#"{"items": [{"sku": "S", "quantity": -1}]}"#,
            "#/items/0/quantity",
            "expected an integer from 0 to 4294967295",
        ),
        (
            r#"{"items": [], "ship/to~": {"city": 7}}"#,
            "#/ship~1to~0/city",
            "expected a string, found an integer",
        ),
        ("{}", "#/items", "is missing"),
        (r#"{"item": []}"#, "#/item", "is unknown; expected `items` or `ship/to~`"),
    ];
    for (body, pointer, detail) in table {
        let records = Records::capture();
        let answer = ask(app(), request("POST", "/orders", body)).await;
        answer.assert_problem(422, "VALIDATION_ERROR", "Validation failed");
        assert_eq!(
            answer.json()["errors"],
            json!([{"detail": detail, "pointer": pointer}]),
            "{body}"
        );
        let record = records.only();
        assert_eq!(record.text("message"), "expected_error", "as for errors of handlers");
        assert_eq!(record.text("error.type"), "VALIDATION_ERROR");
        let field = record.text("error.fields").replace("~1", "/").replace("~0", "~");
        assert_eq!(field, pointer[1..].replace("~1", "/").replace("~0", "~"));
        assert!(record.text("code.file.path").ends_with("axum/json.rs"), "the layer: {record:?}");
        assert_eq!(record.text("request_id"), "req-1");
    }
}

#[tokio::test]
async fn optional_body_may_be_absent_but_not_wrong() {
    let app = Router::new()
        .route(
            "/",
            post(async |item: Option<Json<Item>>| match item {
                Some(item) => item.sku.clone(),
                None => "nothing".to_owned(),
            }),
        )
        .layer(RequestLayer::new());
    assert_eq!(ask(app.clone(), bare("POST", "/", "")).await.body, "nothing");
    let item = request("POST", "/", r#"{"sku":"S-7","quantity":2}"#);
    assert_eq!(ask(app.clone(), item).await.body, "S-7");
    let wrong = ask(app.clone(), request("POST", "/", "{}")).await;
    wrong.assert_problem(422, "VALIDATION_ERROR", "Validation failed");
    ask(app, request("POST", "/", "")).await.assert_problem(
        400,
        "BAD_REQUEST",
        "the body isn't valid JSON: EOF while parsing a value at line 1 column 0",
    );
}

#[test]
fn json_dereferences_to_its_value() {
    let mut item: Json<Item> = Item { sku: "S-7".to_owned(), quantity: 1 }.into();
    item.quantity += 1;
    assert_eq!((&*item.sku, item.0.quantity), ("S-7", 2));
}

#[tokio::test]
async fn malformed_json_is_a_bad_request() {
    for (body, detail) in [
        (
            "{\"items\": ",
            "the body isn't valid JSON: EOF while parsing a value at line 1 column 10",
        ),
        ("{\"items\": []} x", "the body isn't valid JSON: trailing characters at line 1 column 15"),
        ("", "the body isn't valid JSON: EOF while parsing a value at line 1 column 0"),
    ] {
        ask(app(), request("POST", "/orders", body)).await.assert_problem(
            400,
            "BAD_REQUEST",
            detail,
        );
    }
}

#[tokio::test]
async fn wrong_content_type_and_large_bodies_are_rejected() {
    let answer = ask(app(), bare("POST", "/orders", "{}")).await;
    answer.assert_problem(
        415,
        "UNSUPPORTED_MEDIA_TYPE",
        "expected a body with `content-type: application/json`",
    );
    let large: &'static str = Box::leak(format!("{{\"items\": [{}]}}", " ".repeat(300)).into());
    let answer = ask(app(), request("POST", "/orders", large)).await;
    answer.assert_problem(
        413,
        "REQUEST_TOO_LARGE",
        "Failed to buffer the request body: length limit exceeded",
    );
}

#[tokio::test]
async fn unserializable_answer_is_an_internal_error() {
    let records = Records::capture();
    let answer = ask(app(), request("POST", "/broken", "")).await;
    answer.assert_problem(500, "INTERNAL_ERROR", "An internal error occurred");
    assert_eq!(records.only().text("message"), "unexpected_error");
}

#[tokio::test]
async fn long_invalid_values_are_truncated_in_the_answer() {
    let app = Router::new()
        .route("/", post(async |Json(_): Json<HashMap<String, u32>>| ()))
        .layer(RequestLayer::new());
    let long = "é".repeat(100_000);
    let (value, key) = (json!({ "n": long }).to_string(), json!({ &*long: "x" }).to_string());
    for body in [value, key] {
        let records = Records::capture();
        let answer = ask(app.clone(), request("POST", "/", body.leak())).await;
        assert_eq!(answer.status, 422);
        assert!(answer.body.len() < 20_000, "{}", answer.body.len());
        assert!(records.all().iter().all(|record| record.to_string().len() < 20_000));
    }
}
