//! Request ids, operations and spans.

use axum::Router;
use axum::http::HeaderName;
use axum::routing::{any, get as route};
use resilience::RequestContext;
use resilience::axum::RequestLayer;
use resilience_test_support::Records;

use super::{ID, ask, get, request};

/// A handler that answers with its context.
async fn answer_context() -> String {
    let context = RequestContext::current().expect("a context");
    format!("{} {}", context.request_id(), context.operation().expect("an operation"))
}

fn app() -> Router {
    Router::new()
        .route("/users/{id}", any(answer_context))
        .fallback(answer_context)
        .layer(RequestLayer::new())
}

#[tokio::test]
async fn valid_request_id_is_kept_and_sent_back() {
    let answer = ask(app(), get("/users/7")).await;
    assert_eq!(answer.body, "req-1 GET /users/{id}");
    assert_eq!(answer.header("x-request-id"), Some(ID));
}

#[tokio::test]
async fn invalid_or_repeated_request_id_is_replaced() {
    for names in
        [&[][..], &["two words"], &["a\"b"], &[""], &["first", "second"], &["first", "first"]]
    {
        let mut request = get("/users/7");
        request.headers_mut().remove("x-request-id");
        for name in names {
            request.headers_mut().append("x-request-id", name.parse().unwrap());
        }
        let answer = ask(app(), request).await;
        let id = answer.header("x-request-id").unwrap();
        assert_eq!(answer.body, format!("{id} GET /users/{{id}}"));
        assert_eq!((id.len(), &id[14..15]), (36, "7"), "{names:?}: {id}");
    }
    let mut request = get("/users/7");
    request
        .headers_mut()
        .insert("x-request-id", http::HeaderValue::from_bytes(b"\xff\xfe").unwrap());
    assert_eq!(ask(app(), request).await.header("x-request-id").unwrap().len(), 36);
}

#[tokio::test]
async fn request_id_header_can_be_renamed() {
    let layer = RequestLayer::new().request_id_header(HeaderName::from_static("x-correlation-id"));
    let app = Router::new().route("/", route(answer_context)).layer(layer);
    let mut request = get("/");
    request.headers_mut().insert("x-correlation-id", "c-9".parse().unwrap());
    let answer = ask(app, request).await;
    assert_eq!(answer.body, "c-9 GET /");
    assert_eq!(answer.header("x-correlation-id"), Some("c-9"));
    assert_eq!(answer.header("x-request-id"), None);
}

#[tokio::test]
async fn request_ids_of_clients_can_be_ignored() {
    let app = Router::new()
        .route("/", route(answer_context))
        .layer(RequestLayer::new().own_request_ids());
    let answer = ask(app, get("/")).await;
    assert_ne!(answer.header("x-request-id"), Some(ID));
}

#[tokio::test]
async fn operation_is_method_and_route_never_the_path() {
    let inner = Router::new().route("/users/{id}", any(answer_context)).fallback(answer_context);
    let app = Router::new()
        .nest("/api", inner)
        .route("/files/{*path}", any(answer_context))
        .fallback(answer_context)
        .layer(RequestLayer::new());
    let table = [
        ("GET", "/api/users/7", "GET /api/users/{id}"),
        ("POST", "/api/users/8", "POST /api/users/{id}"),
        ("GET", "/files/a/b/c", "GET /files/{*path}"),
        ("GET", "/no/such/path", "GET"),
        ("GET", "/api/no/such/path", "GET"),
        ("BREW", "/api/users/8", "OTHER /api/users/{id}"),
        ("WHATEVER", "/nowhere", "OTHER"),
    ];
    for (method, path, operation) in table {
        let answer = ask(app.clone(), request(method, path, "")).await;
        assert_eq!(answer.body, format!("req-1 {operation}"));
    }
}

#[tokio::test]
async fn nested_layer_adds_its_route_to_the_span() {
    async fn with_event() -> String {
        tracing::info!(target: "test", "here");
        answer_context().await
    }
    let inner: Router =
        Router::new().route("/users/{id}", any(with_event)).layer(RequestLayer::new());
    let app = Router::new().nest_service("/api", inner).layer(RequestLayer::new());
    let records = Records::capture();
    let answer = ask(app, get("/api/users/7")).await;
    assert_eq!(answer.body, "req-1 GET /api/users/{id}");
    let spans = records.all()[0]["spans"].clone();
    assert_eq!(spans.as_array().unwrap().len(), 1, "{spans}");
    assert_eq!(spans[0]["route"], "/api/users/{id}", "{spans}");
}

#[tokio::test]
async fn operation_of_a_nested_service_is_its_place() {
    let app = Router::new()
        .nest_service("/files", any(answer_context))
        .nest_service("/{tenant}/files", any(answer_context))
        .nest("/v1", Router::new().nest_service("/files", any(answer_context)))
        .fallback(answer_context)
        .layer(RequestLayer::new());
    let table = [
        ("/files/a/b", "req-1 GET /files/{*rest}"),
        ("/files", "req-1 GET /files"),
        ("/acme/files/a", "req-1 GET /{tenant}/files/{*rest}"),
        ("/v1/files/a", "req-1 GET /v1/files/{*rest}"),
        ("/nowhere", "req-1 GET"),
        ("/nowhere/else", "req-1 GET"),
        ("/", "req-1 GET"),
    ];
    for (path, expected) in table {
        assert_eq!(ask(app.clone(), get(path)).await.body, expected, "{path}");
    }
}

#[tokio::test]
async fn existing_context_is_kept() {
    let context =
        RequestContext::with_request_id(resilience::request::RequestId::parse("outer").unwrap());
    let answer = context.scope(ask(app(), get("/users/7"))).await;
    assert_eq!(answer.body, "outer GET /users/{id}");
    assert_eq!(answer.header("x-request-id"), Some("outer"));
}

#[tokio::test]
async fn all_events_of_a_handler_are_in_the_request_span() {
    let app = Router::new()
        .route(
            "/users/{id}",
            route(async || {
                tracing::info!(target: "test", "before");
                tokio::task::yield_now().await;
                tracing::info!(target: "test", "after");
            }),
        )
        .layer(RequestLayer::new());
    let records = Records::capture();
    ask(app, get("/users/7")).await;
    let all = records.all();
    assert_eq!(records.names(), ["before", "after"]);
    for record in all {
        let span = &record["span"];
        assert_eq!(span["name"], "request");
        assert_eq!(span["request_id"], ID);
        assert_eq!(span["method"], "GET");
        assert_eq!(span["route"], "/users/{id}");
    }
}
