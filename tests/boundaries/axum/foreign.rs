//! Error responses that aren't problems: those of axum, and bare ones of handlers.

use std::collections::HashMap;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Extension, Path, Query};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get as route, post};
use axum::{Json, Router};
use resilience::axum::RequestLayer;
use resilience::errors::NotFound;
use resilience::http::Problem;
use resilience_test_support::Records;
use serde::Deserialize;

use super::{Parts, ask, get, json_request as json, request};

#[derive(Deserialize)]
struct Page {
    #[allow(dead_code, reason = "only parsed")]
    number: u32,
}

fn app() -> Router {
    Router::new()
        .route("/users/{id}", route(async |Path(_): Path<u32>| ()))
        .route("/users", post(async |Json(_): Json<Page>| ()).get(async |Query(_): Query<Page>| ()))
        .route(
            "/missing",
            route(async |Path(_): Path<HashMap<String, u32>>, Extension(()): Extension<()>| ()),
        )
        .layer(DefaultBodyLimit::max(64))
        .layer(RequestLayer::new())
}

#[tokio::test]
async fn axum_rejections_become_problems() {
    let table = [
        (get("/nowhere"), 404, "NOT_FOUND", "Not found"),
        (request("DELETE", "/users", ""), 405, "METHOD_NOT_ALLOWED", "Method not allowed"),
        (
            json("POST", "/users", "{"),
            400,
            "BAD_REQUEST",
            "Failed to parse the request body as JSON: EOF while parsing an object at line 1 column 1",
        ),
        (
            json("POST", "/users", "{\"number\": \"x\"}"),
            422,
            "VALIDATION_ERROR",
            "Failed to deserialize the JSON body into the target type: number: invalid type: string \"x\", expected u32 at line 1 column 14",
        ),
        (
            request("POST", "/users", "{}"),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            "Expected request with `Content-Type: application/json`",
        ),
        (
            json(
                "POST",
                "/users",
                "{\"number\":                                                              7}",
            ),
            413,
            "REQUEST_TOO_LARGE",
            "Failed to buffer the request body: length limit exceeded",
        ),
        (
            get("/users?number=x"),
            400,
            "BAD_REQUEST",
            "Failed to deserialize query string: number: invalid digit found in string",
        ),
        (get("/users/x"), 400, "BAD_REQUEST", "Invalid URL: Cannot parse `x` to a `u32`"),
    ];
    for (request, status, code, detail) in table {
        let records = Records::capture();
        let answer = ask(app(), request).await;
        answer.assert_problem(status, code, detail);
        // A client's mistake isn't an error of the server.
        assert_eq!(records.names(), ["request_rejected"]);
        assert_eq!(records.all()[0].text("level"), "DEBUG");
    }
}

#[tokio::test]
async fn headers_of_a_rejection_are_kept() {
    let answer = ask(app(), request("DELETE", "/users", "")).await;
    assert_eq!(answer.header("allow"), Some("POST,GET,HEAD"));
}

#[tokio::test]
async fn server_side_rejection_is_hidden_and_logged() {
    let records = Records::capture();
    let answer = ask(app(), get("/missing")).await;
    answer.assert_problem(500, "INTERNAL_ERROR", "An internal error occurred");
    assert!(!answer.body.contains("Extension"), "{}", answer.body);
    let record = records.only();
    assert_eq!(record.text("message"), "unexpected_error");
    assert!(record.text("exception.message").contains("Missing request extension"), "{record:?}");
    assert_eq!(record.text("operation"), "GET /missing");
    assert_eq!(record.text("request_id"), "req-1");
    assert!(
        record.text("code.file.path").ends_with("axum/foreign.rs"),
        "where the layer was made: {record:?}"
    );
}

fn bare() -> Router {
    Router::new()
        .route("/gone", route(async || (StatusCode::GONE, "moved to the moon")))
        .route(
            "/limited",
            route(async || (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")], "wait")),
        )
        .route("/teapot", route(async || StatusCode::IM_A_TEAPOT))
        .route("/broken", route(async || (StatusCode::INTERNAL_SERVER_ERROR, "password hunter2")))
        .route("/away", route(async || StatusCode::SERVICE_UNAVAILABLE))
        .route(
            "/bytes",
            route(async || {
                http::Response::builder().status(502).body(Body::from("hunter2")).unwrap()
            }),
        )
}

#[tokio::test]
async fn bare_error_statuses_and_texts_become_problems() {
    let app = bare().layer(RequestLayer::new());
    ask(app.clone(), get("/gone")).await.assert_problem(410, "GONE", "moved to the moon");
    let teapot = ask(app.clone(), get("/teapot")).await;
    teapot.assert_problem(418, "REQUEST_REJECTED", "The request can't be served");
    assert_eq!(teapot.json()["retryable"], false);
    let limited = ask(app.clone(), get("/limited")).await;
    limited.assert_problem(429, "RATE_LIMITED", "wait");
    assert_eq!(
        (&limited.json()["retryable"], limited.header("retry-after")),
        (&true.into(), Some("7"))
    );

    let generic = "An internal error occurred";
    let records = Records::capture();
    ask(app.clone(), get("/broken")).await.assert_problem(500, "INTERNAL_ERROR", generic);
    assert_eq!(records.only().text("message"), "unexpected_error");
    assert_eq!(
        records.only().text("exception.message"),
        "responded with status 500 and the text: password hunter2"
    );

    let records = Records::capture();
    let away = ask(app.clone(), get("/away")).await;
    away.assert_problem(503, "SERVICE_UNAVAILABLE", "The service is temporarily unavailable");
    assert_eq!(away.json()["retryable"], true, "as the record says");
    assert_eq!(records.only()["retryable"], true);
    assert_eq!(records.only().text("message"), "expected_error");
    assert_eq!(
        records.only().text("exception.message"),
        "responded with status 503 without an error"
    );

    ask(app, get("/bytes")).await.assert_problem(502, "INTERNAL_ERROR", generic);
}

#[tokio::test]
async fn text_answers_are_kept_on_request() {
    let answer = ask(bare().layer(RequestLayer::new().keep_text_answers()), get("/gone")).await;
    assert_eq!((answer.status, &*answer.body), (410, "moved to the moon"));
    assert_eq!(answer.header("x-request-id"), Some("req-1"));
}

#[tokio::test]
async fn json_html_and_encoded_bodies_are_left_alone() {
    async fn encoded() -> impl IntoResponse {
        let headers: HeaderMap =
            [(header::CONTENT_ENCODING, "br".parse().unwrap())].into_iter().collect();
        (StatusCode::NOT_FOUND, headers, "compressed")
    }
    let app = Router::new()
        .route(
            "/json",
            route(async || (StatusCode::CONFLICT, Json(serde_json::json!({"mine": true})))),
        )
        .route("/html", route(async || (StatusCode::INTERNAL_SERVER_ERROR, Html("<h1>sorry</h1>"))))
        .route("/encoded", route(encoded))
        .route("/fine", route(async || "fine"))
        .layer(RequestLayer::new());
    for (path, status, kind, body) in [
        ("/json", 409, "application/json", r#"{"mine":true}"#),
        ("/html", 500, "text/html; charset=utf-8", "<h1>sorry</h1>"),
        ("/encoded", 404, "text/plain; charset=utf-8", "compressed"),
        ("/fine", 200, "text/plain; charset=utf-8", "fine"),
    ] {
        let answer = ask(app.clone(), get(path)).await;
        assert_eq!(
            (answer.status, answer.header("content-type"), &*answer.body),
            (status, Some(kind), body)
        );
        assert_eq!(answer.header("x-request-id"), Some("req-1"));
    }
}

#[tokio::test]
async fn head_request_gets_the_same_headers_without_body() {
    for path in ["/nowhere", "/users/x"] {
        let full = ask(app(), get(path)).await;
        let head = ask(app(), request("HEAD", path, "")).await;
        assert_eq!(head.status, full.status);
        assert_eq!(head.body, "");
        for name in ["content-type", "content-length", "x-request-id"] {
            assert_eq!(head.header(name), full.header(name), "{path} {name}");
        }
    }
}

/// A layer that compresses, between the handlers and ours.
async fn compressed(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
}

#[tokio::test]
async fn compressed_server_error_is_replaced() {
    let app = bare()
        .merge(Router::new().route("/missing", route(async |Extension(()): Extension<()>| ())))
        .route(
            "/worse",
            route(async || {
                (StatusCode::BAD_GATEWAY, Problem::of(&NotFound::new("user", "hunter2")))
            }),
        )
        .layer(map_response(compressed))
        .layer(RequestLayer::new());
    let generic = "An internal error occurred";
    for (path, status, code) in [
        ("/broken", 500, "INTERNAL_ERROR"),
        ("/missing", 500, "INTERNAL_ERROR"),
        ("/bytes", 502, "INTERNAL_ERROR"),
    ] {
        let records = Records::capture();
        let answer = ask(app.clone(), get(path)).await;
        answer.assert_problem(status, code, generic);
        assert_eq!(answer.header("content-encoding"), None, "{path}");
        // The layer can't read it.
        assert_eq!(
            records.only().text("exception.message"),
            format!("responded with status {status} without an error")
        );
    }
    let answer = ask(app, get("/worse")).await;
    answer.assert_problem(502, "NOT_FOUND", generic);
    assert_eq!(answer.header("content-encoding"), None);
}

#[tokio::test]
async fn transfer_encoding_of_a_proxied_body_is_dropped() {
    // As a proxy passes on a response, with all its headers.
    let proxied = async || {
        let mut parts = ["upstream ", "is ", "broken"].into_iter();
        let body = Body::new(Parts(move || parts.next()));
        http::Response::builder()
            .status(502)
            .header("content-type", "text/plain")
            .header("transfer-encoding", "chunked")
            .body(body)
            .unwrap()
    };
    let app = Router::new().route("/", route(proxied)).layer(RequestLayer::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let answer = reqwest::get(format!("http://{address}/")).await.expect("an answer");
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.headers().get("transfer-encoding"), None);
    let problem: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(problem["detail"], "An internal error occurred");
}
