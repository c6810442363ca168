//! Every response, through the real router and a real database.

use std::io::Write as _;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use resilience::{request::RequestId, shutdown::Shutdown};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt as _;

use crate::app::App;

const GENERIC: &str = "An internal error occurred";
const UNAVAILABLE: &str = "The service is temporarily unavailable";

struct Api(App);

struct Answer {
    status: u16,
    problem: bool,
    body: Value,
}

impl Api {
    /// A new service with an empty database.
    async fn start() -> Self {
        Self(App::open(None).await.expect("SQLite needs a temporary file"))
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("x-request-id", "test-1")
            .header("content-type", "application/json")
            .body(if body.is_null() { Body::empty() } else { body.to_string().into() })
            .unwrap();
        let (head, body) = self.0.clone().router().oneshot(request).await.unwrap().into_parts();
        assert_eq!(head.headers["x-request-id"], "test-1");
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: head.status.as_u16(),
            problem: head
                .headers
                .get("content-type")
                .is_some_and(|kind| kind == "application/problem+json"),
            body: if body.is_empty() {
                Value::Null
            } else {
                serde_json::from_slice(&body).unwrap()
            },
        }
    }

    async fn create(&self, user: Value) -> Answer {
        self.ask("POST", "/users", user).await
    }

    async fn provoke(&self, what: &str) -> Answer {
        self.ask("POST", &format!("/provoke/{what}"), Value::Null).await
    }
}

impl Answer {
    #[track_caller]
    fn assert(&self, status: u16, code: &str, detail: &str, retryable: bool) {
        assert!(self.problem, "{}", self.body);
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.body["status"], status, "{}", self.body);
        assert_eq!(self.body["code"], code, "{}", self.body);
        assert_eq!(self.body["detail"], detail, "{}", self.body);
        assert_eq!(self.body["retryable"], retryable, "{}", self.body);
        assert_eq!(self.body["request_id"], "test-1", "{}", self.body);
    }
}

fn ada() -> Value {
    json!({"email": "ada@example.com", "name": "Ada", "age": 36})
}

#[tokio::test]
async fn user_is_created_found_and_deleted() {
    let api = Api::start().await;
    let created = api.create(ada()).await;
    assert_eq!(created.status, 201);
    let user = json!({"id": 1, "email": "ada@example.com", "name": "Ada", "age": 36, "team_id": 1});
    assert_eq!(created.body, user);
    assert_eq!(api.ask("GET", "/users/1", Value::Null).await.body, user);
    assert_eq!(api.ask("DELETE", "/users/1", Value::Null).await.status, 204);
    for method in ["GET", "DELETE"] {
        api.ask(method, "/users/1", Value::Null).await.assert(
            404,
            "NOT_FOUND",
            "There is no user 1",
            false,
        );
    }
}

#[tokio::test]
async fn invalid_request_names_each_field() {
    let api = Api::start().await;
    let answer = api.create(json!({"email": "ada", "name": " ", "age": 36})).await;
    answer.assert(422, "VALIDATION_ERROR", "Validation failed", false);
    assert_eq!(
        answer.body["errors"],
        json!([
            {"detail": "must contain an @", "pointer": "#/email"},
            {"detail": "must not be empty", "pointer": "#/name"},
        ])
    );
    let email = format!("{}@example.com", "a".repeat(200_000));
    let answer = api.create(json!({"email": email, "name": "Ada", "age": 36})).await;
    answer.assert(422, "VALIDATION_ERROR", "Validation failed", false);
    assert_eq!(
        answer.body["errors"],
        json!([{"detail": "must have at most 254 characters", "pointer": "#/email"}])
    );
    let answer = api.create(json!({"email": "ada@example.com", "name": "Ada"})).await;
    answer.assert(422, "VALIDATION_ERROR", "Validation failed", false);
    assert_eq!(answer.body["errors"], json!([{"detail": "is missing", "pointer": "#/age"}]));
    api.ask("GET", "/users/x", Value::Null).await.assert(400, "BAD_REQUEST", "Bad request", false);
    let answer = api.ask("GET", "/users/x", Value::Null).await;
    assert_eq!(
        answer.body["errors"],
        json!([{"detail": "expected an integer", "pointer": "#/id"}])
    );
    api.ask("PUT", "/users/1", Value::Null).await.assert(
        405,
        "METHOD_NOT_ALLOWED",
        "Method not allowed",
        false,
    );
    api.ask("GET", "/nowhere", Value::Null).await.assert(404, "NOT_FOUND", "Not found", false);
}

#[tokio::test]
async fn exhausted_pool_is_retryable() {
    let api = Api::start().await;
    api.provoke("full-pool").await.assert(503, "POOL_EXHAUSTED", UNAVAILABLE, true);
    assert_eq!(api.create(ada()).await.status, 201, "the pool is free again");
}

#[tokio::test]
async fn outdated_snapshot_is_retryable() {
    let api = Api::start().await;
    api.provoke("deadlock").await.assert(503, "SERIALIZATION_FAILURE", UNAVAILABLE, true);
}

#[tokio::test]
async fn unique_violation_is_a_conflict() {
    let api = Api::start().await;
    assert_eq!(api.create(ada()).await.status, 201);
    let answer = api.create(ada()).await;
    answer.assert(409, "CONFLICT", "This address is taken", false);
    assert!(!answer.body.to_string().contains("ada@"), "{}", answer.body);
}

#[tokio::test]
async fn slow_query_times_out() {
    let api = Api::start().await;
    api.provoke("slow-query").await.assert(504, "QUERY_TIMEOUT", GENERIC, false);
    assert_eq!(api.create(ada()).await.status, 201, "the connection is usable again");
}

#[tokio::test]
async fn refused_connection_is_retryable() {
    let api = Api::start().await;
    let answer = api.ask("GET", "/reports/signups", Value::Null).await;
    answer.assert(503, "CONNECT_FAILED", UNAVAILABLE, true);
}

#[tokio::test]
async fn foreign_key_and_check_violations_are_invalid() {
    let api = Api::start().await;
    for wrong in [json!({"team_id": 7}), json!({"age": 151}), json!({"age": -1})] {
        let mut user = ada();
        user.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        api.create(user).await.assert(422, "VALIDATION_ERROR", "Validation failed", false);
    }
}

#[tokio::test]
async fn panic_is_an_internal_error() {
    let answer = Api::start().await.provoke("panic").await;
    answer.assert(500, "INTERNAL_ERROR", GENERIC, false);
    assert!(!answer.body.to_string().contains("team"), "{}", answer.body);
}

#[tokio::test]
async fn fatal_error_requests_shutdown() {
    let api = Api::start().await;
    let shutdown = Shutdown::new();
    let answer = shutdown.clone().scope(api.provoke("fatal")).await;
    answer.assert(500, "MISSING_CONFIG", GENERIC, false);
    shutdown.requested().await;
    assert!(!answer.body.to_string().contains("SMTP"), "{}", answer.body);
}

/// A client that sends half a request gets the grace period, and no more.
#[tokio::test]
async fn half_a_request_does_not_keep_the_service_from_stopping() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Api::start().await.0.router();
    let shutdown = Shutdown::new();
    let stop = {
        let shutdown = shutdown.clone();
        move || shutdown.clone().requested()
    };
    let grace = Duration::from_secs(10);
    let server = tokio::spawn(crate::serve(listener, router, stop, grace));

    let mut client = TcpStream::connect(address).await.unwrap();
    let head = "POST /users HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n\
                content-length: 100\r\nexpect: 100-continue\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 16];
    client.read_exact(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 100"), "the handler waits for the body");
    client.write_all(b"{").await.unwrap();

    // From here on, nothing but the clock can end it.
    tokio::time::pause();
    let begin = tokio::time::Instant::now();
    shutdown.request("TEST", None);
    let stopped = tokio::time::timeout(grace * 2, server).await;
    stopped.expect("it stops").unwrap().unwrap();
    assert!(begin.elapsed() >= grace, "the request had its time: {:?}", begin.elapsed());
    drop(client);
}

#[tokio::test]
async fn postgresql_gives_the_same_responses() {
    let Ok(url) = std::env::var("RESILIENCE_POSTGRES_URL") else {
        assert!(
            std::env::var("RESILIENCE_REQUIRE_SERVICES").as_deref() != Ok("1"),
            "needs PostgreSQL"
        );
        // Not `eprintln!`, which the test harness captures.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: postgresql_gives_the_same_responses: needs PostgreSQL"
        );
        return;
    };
    let api = Api(App::open(Some(&url)).await.unwrap());
    // The server may have users from an earlier run.
    let new_user =
        || json!({"email": format!("{}@example.com", RequestId::new()), "name": "Ada", "age": 36});
    let with = |field: &str, value: i64| {
        let mut user = new_user();
        user[field] = value.into();
        user
    };
    let ada = new_user();
    api.provoke("full-pool").await.assert(503, "POOL_EXHAUSTED", UNAVAILABLE, true);
    api.provoke("deadlock").await.assert(503, "DEADLOCK", UNAVAILABLE, true);
    assert_eq!(api.create(ada.clone()).await.status, 201);
    api.create(ada.clone()).await.assert(409, "CONFLICT", "This address is taken", false);
    api.provoke("slow-query").await.assert(504, "QUERY_TIMEOUT", GENERIC, false);
    api.create(with("team_id", 7)).await.assert(
        422,
        "VALIDATION_ERROR",
        "Validation failed",
        false,
    );
    api.create(with("age", 151)).await.assert(422, "VALIDATION_ERROR", "Validation failed", false);
}
