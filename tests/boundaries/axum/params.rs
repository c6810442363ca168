//! `Query` and `Path`: which parameter is wrong.

use std::collections::HashMap;

use axum::Router;
use axum::body::Body;
use axum::routing::{get as route, post};
use http::Request;
use proptest::prelude::*;
use resilience::axum::{Json, Path, Query, RequestLayer};
use resilience_test_support::Records;
use serde::Deserialize;
use serde_json::json;

use super::{ask, get};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Order {
    Newest,
    Oldest,
}

#[derive(Debug, Deserialize)]
struct Page {
    number: u32,
    #[serde(default)]
    order: Option<Order>,
    #[serde(default)]
    all: bool,
}

#[derive(Debug, Deserialize)]
struct Key {
    team: u8,
    user: i64,
}

fn app() -> Router {
    Router::new()
        .route(
            "/users",
            route(async |Query(page): Query<Page>| {
                format!("{} {:?} {}", page.number, page.order, page.all)
            }),
        )
        .route(
            "/maybe",
            route(async |page: Option<Query<Page>>| page.map_or(0, |page| page.number).to_string()),
        )
        .route("/users/{id}", route(async |Path(id): Path<i64>| id.to_string()))
        .route(
            "/teams/{team}/users/{user}",
            route(async |Path(key): Path<Key>| format!("{} {}", key.team, key.user)),
        )
        .route(
            "/pairs/{left}/{right}",
            route(async |Path((left, right)): Path<(u8, bool)>| format!("{left} {right}")),
        )
        .route("/orders/{order}", route(async |Path(order): Path<Order>| format!("{order:?}")))
        .route("/none", route(async |id: Option<Path<u8>>| id.is_none().to_string()))
        .route("/misfit/{id}", route(async |_: Path<(u8, u8)>| ()))
        .route("/page", post(async |Json(page): Json<Page>| page.number.to_string()))
        .layer(RequestLayer::new())
}

#[tokio::test]
async fn valid_parameters_reach_the_handler() {
    let table = [
        ("/users?number=2&order=newest&all=true", "2 Some(Newest) true"),
        ("/users?number=2", "2 None false"),
        ("/maybe", "0"),
        ("/maybe?number=3", "3"),
        ("/users/-7", "-7"),
        ("/teams/1/users/2", "1 2"),
        ("/pairs/1/true", "1 true"),
        ("/orders/oldest", "Oldest"),
        ("/none", "true"),
    ];
    for (path, expected) in table {
        let answer = ask(app(), get(path)).await;
        assert_eq!((answer.status, &*answer.body), (200, expected), "{path}");
    }
}

#[tokio::test]
async fn invalid_parameter_is_named() {
    let table = [
        ("/users?number=hunter2", "#/number", "expected an integer"),
        ("/users?number=4294967296", "#/number", "is too large"),
        ("/users", "#/number", "is missing"),
        ("/users?number=1&number=2", "#/number", "is given twice"),
        ("/users?number=1&order=hunter2", "#/order", "expected `newest` or `oldest`"),
        ("/users?number=1&all=hunter2", "#/all", "expected `true` or `false`"),
        ("/maybe?page=1", "#/number", "is missing"),
        ("/users/hunter2", "#/id", "expected an integer"),
        ("/teams/256/users/2", "#/team", "expected an integer from 0 to 255"),
        ("/teams/1/users/hunter2", "#/user", "expected an integer"),
        ("/pairs/hunter2/true", "#/left", "expected an integer from 0 to 255"),
        ("/pairs/1/hunter2", "#/right", "expected `true` or `false`"),
        ("/orders/hunter2", "#/order", "expected `newest` or `oldest`"),
        ("/users/%FF", "#/id", "isn't valid UTF-8"),
    ];
    for (path, pointer, detail) in table {
        let records = Records::capture();
        let answer = ask(app(), get(path)).await;
        answer.assert_problem(400, "BAD_REQUEST", "Bad request");
        let expected = json!([{"detail": detail, "pointer": pointer}]);
        assert_eq!(answer.json()["errors"], expected, "{path}");
        let [record] = &records.all()[..] else { panic!("{:?}", records.all()) };
        assert_eq!(record.text("message"), "request_rejected");
        assert_eq!(record.text("fields").trim_start_matches('/'), &pointer[2..], "{path}");
        assert!(!format!("{record:?}{}", answer.body).contains("hunter2"), "{record:?}");
    }
}

#[tokio::test]
async fn type_that_does_not_fit_the_route_is_a_bug() {
    let records = Records::capture();
    let answer = ask(app(), get("/misfit/7")).await;
    answer.assert_problem(500, "INTERNAL_ERROR", "An internal error occurred");
    let record = records.only();
    assert_eq!(record.text("message"), "unexpected_error");
    assert!(record.text("exception.message").contains("Wrong number"), "{record:?}");
}

#[tokio::test]
async fn rejections_work_without_the_layer() {
    let app = Router::new().route("/users/{id}", route(async |Path(id): Path<u8>| id.to_string()));
    let answer = ask(app, get("/users/x")).await;
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.json()["errors"][0]["pointer"], "#/id");
}

#[test]
fn parameters_dereference_to_their_value() {
    let mut page = Query(HashMap::from([("number", 1)]));
    page.insert("number", 2);
    assert_eq!(page["number"], 2);
    let mut id = Path(7);
    *id += 1;
    assert_eq!(id.0, 8);
}

proptest! {
    /// Whatever a client sends, it gets a short problem that names neither Rust's types nor what it
    /// sent.
    #[test]
    fn any_input_is_answered_without_types_or_echo(
        text in r"(hunter2|[a-z0-9\PC`:, ]){0,40}",
        repeated in prop_oneof![Just(1_usize), Just(500)],
        place in 0..4,
    ) {
        let text = format!("hunter2{}", text.repeat(repeated));
        let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let (method, path, body) = match place {
            0 => ("GET", format!("/users?number={encoded}"), String::new()),
            1 => ("GET", format!("/users/{}", encoded.replace('+', "%20")), String::new()),
            2 => ("POST", "/page".to_owned(), json!({"number": text}).to_string()),
            _ => ("POST", "/page".to_owned(), json!(text).to_string()),
        };
        prop_assume!(path.len() < 60_000);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(Body::from(body))
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let records = Records::capture();
        let answer = runtime.block_on(ask(app(), request));
        prop_assert!(matches!(answer.status, 400 | 422), "{}", answer.body);
        prop_assert!(answer.body.len() < 1_000, "{}", answer.body.len());
        let output = format!("{}{:?}", answer.body, records.all());
        for never in ["hunter2", "Page", "struct ", "u32", "i64"] {
            prop_assert!(!answer.body.contains(never), "{never} in {output}");
        }
        prop_assert!(!output.contains("hunter2"), "{output}");
    }
}
