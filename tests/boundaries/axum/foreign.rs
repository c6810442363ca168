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
        (get("/users?number=x"), 400, "BAD_REQUEST", "Bad request"),
        (get("/users/x"), 400, "BAD_REQUEST", "Bad request"),
    ];
    for (request, status, code, detail) in table {
        let records = Records::capture();
        let answer = ask(app(), request).await;
        answer.assert_problem(status, code, detail);
        // A client's mistake isn't an error of the server.
        assert_eq!(records.names(), ["request_rejected"]);
        let record = &records.all()[0];
        assert_eq!(Some(record.text("request_id")), answer.header("x-request-id"), "{record:?}");
        assert_eq!(records.all()[0].text("level"), "DEBUG");
    }
}

#[tokio::test]
async fn rejections_of_axum_name_the_field_and_not_the_type() {
    let table = [
        (
            json("POST", "/users", "{\"number\": \"hunter2\"}"),
            422,
            "#/number",
            "expected an integer from 0 to 4294967295, found a string",
        ),
        (json("POST", "/users", "[]"), 422, "#", "expected an array with 1 element, found 0"),
        (json("POST", "/users", "7"), 422, "#", "expected an object, found an integer"),
        (get("/users?number=hunter2"), 400, "#/number", "expected an integer"),
        (get("/users/hunter2"), 400, "#", "expected an integer from 0 to 4294967295"),
    ];
    for (request, status, pointer, detail) in table {
        let records = Records::capture();
        let answer = ask(app(), request).await;
        assert_eq!((answer.status, &answer.json()["status"]), (status, &status.into()));
        let expected = serde_json::json!([{"detail": detail, "pointer": pointer}]);
        assert_eq!(answer.json()["errors"], expected, "{}", answer.body);
        assert!(!answer.body.contains("Page"), "{}", answer.body);
        let [record] = &records.all()[..] else { panic!("{:?}", records.all()) };
        assert!(!format!("{record:?}{}", answer.body).contains("hunter2"), "{record:?}");
        // The same rule as for errors of handlers.
        let name = if status == 422 { "expected_error" } else { "request_rejected" };
        assert_eq!(record.text("message"), name);
    }
}

#[tokio::test]
async fn long_rejections_are_problems_without_what_the_client_sent() {
    let long: &str = format!("/users/{}", "x".repeat(60_000)).leak();
    let answer = ask(app(), get(long)).await;
    answer.assert_problem(400, "BAD_REQUEST", "Bad request");
    assert!(answer.body.len() < 1_000, "{}", answer.body.len());
    for size in [8 * 1024, 8 * 1024 + 1, 100_000] {
        let text: &str = "hunter2 ".repeat(size).leak();
        let page = async move || (StatusCode::NOT_FOUND, &text[..size]);
        let app = Router::new().route("/", route(page)).layer(RequestLayer::new());
        let answer = ask(app, get("/")).await;
        if size == 8 * 1024 {
            assert_eq!(answer.json()["detail"], text[..size].trim());
        } else {
            answer.assert_problem(404, "NOT_FOUND", "Not found");
        }
    }
}

#[tokio::test]
async fn rejections_are_problems_below_a_compression_layer() {
    let app = || {
        app()
            .route("/gone", route(async || (StatusCode::GONE, "moved to the moon. ".repeat(10))))
            .route("/typed", route(async |_: resilience::axum::Query<Page>| ()))
            .route(
                "/plain",
                route(async || -> Result<(), Problem> {
                    Err(NotFound::new("user", "7".repeat(100)))?
                }),
            )
            .layer(tower_http::compression::CompressionLayer::new())
            .layer(RequestLayer::new().problem_types("https://example.com/"))
    };
    for path in ["/nowhere", "/users/x", "/users?number=x", "/gone", "/typed?number=x", "/plain"] {
        let mut request = get(path);
        request.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
        let answer = ask(app(), request).await;
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
        assert_eq!(answer.header("content-encoding"), None, "{path}");
        assert_eq!(answer.header("content-length"), Some(&*answer.body.len().to_string()));
        let (problem, plain) = (answer.json(), ask(app(), get(path)).await.json());
        assert_eq!(problem["code"], plain["code"], "{path}");
        // The layer can't read the text of axum's own rejection any more.
        if path.starts_with("/typed") {
            assert_eq!(problem["errors"], plain["errors"], "{path}");
            assert_eq!(problem["errors"][0]["pointer"], "#/number", "{path}");
        }
        let kind = format!("https://example.com/{}", problem["code"].as_str().unwrap());
        assert_eq!(problem["type"], kind, "{path}");
    }
}

/// A response may end with 200 to 599. All other statuses are bugs of the handler.
#[tokio::test]
async fn impossible_statuses_become_internal_errors() {
    let app = Router::new()
        .route(
            "/text/{status}",
            route(async |Path(status): Path<u16>| {
                (StatusCode::from_u16(status).unwrap(), "hunter2")
            }),
        )
        .route(
            "/json/{status}",
            route(async |Path(status): Path<u16>| {
                (StatusCode::from_u16(status).unwrap(), Json("hunter2"))
            }),
        )
        .route(
            "/problem/{status}",
            route(async |Path(status): Path<u16>| {
                (
                    StatusCode::from_u16(status).unwrap(),
                    Problem::of(&NotFound::new("user", "hunter2")),
                )
            }),
        )
        .layer(RequestLayer::new());
    for status in (100..200).chain(600..1000).filter(|status| *status != 101) {
        for kind in ["text", "json", "problem"] {
            let records = Records::capture();
            let path: &str = format!("/{kind}/{status}").leak();
            let answer = ask(app.clone(), get(path)).await;
            let code = if kind == "problem" { "NOT_FOUND" } else { "INTERNAL_ERROR" };
            answer.assert_problem(500, code, "An internal error occurred");
            assert!(!answer.body.contains("hunter2"), "{path}: {}", answer.body);
            if kind != "problem" {
                assert_eq!(records.only().text("message"), "unexpected_error", "{path}");
            }
        }
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
async fn json_and_html_bodies_are_left_alone() {
    async fn encoded() -> impl IntoResponse {
        let headers: HeaderMap =
            [(header::CONTENT_ENCODING, "br".parse().unwrap())].into_iter().collect();
        (StatusCode::NOT_FOUND, headers, Html("compressed"))
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
        ("/encoded", 404, "text/html; charset=utf-8", "compressed"),
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
