//! Request ids, operations and spans.

use axum::Router;
use axum::http::HeaderName;
use axum::routing::{any, get as route};
use resilience::RequestContext;
use resilience::axum::RequestLayer;
use resilience_boundary_tests::Records;

use super::{ID, ask, get, request};

/// Tells what the handler sees of its context.
async fn seen() -> String {
    let context = RequestContext::current().expect("a context");
    format!("{} {}", context.request_id(), context.operation().expect("an operation"))
}

fn app() -> Router {
    Router::new().route("/users/{id}", any(seen)).fallback(seen).layer(RequestLayer::new())
}

#[tokio::test]
async fn a_fit_name_is_taken_over_and_told() {
    let answer = ask(app(), get("/users/7")).await;
    assert_eq!(answer.body, "req-1 GET /users/{id}");
    assert_eq!(answer.header("x-request-id"), Some(ID));
}

#[tokio::test]
async fn an_unfit_name_is_replaced() {
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
async fn the_header_has_the_name_that_it_is_given() {
    let layer = RequestLayer::new().request_id_header(HeaderName::from_static("x-correlation-id"));
    let app = Router::new().route("/", route(seen)).layer(layer);
    let mut request = get("/");
    request.headers_mut().insert("x-correlation-id", "c-9".parse().unwrap());
    let answer = ask(app, request).await;
    assert_eq!(answer.body, "c-9 GET /");
    assert_eq!(answer.header("x-correlation-id"), Some("c-9"));
    assert_eq!(answer.header("x-request-id"), None);
}

#[tokio::test]
async fn strangers_names_can_be_refused() {
    let app = Router::new().route("/", route(seen)).layer(RequestLayer::new().own_request_ids());
    let answer = ask(app, get("/")).await;
    assert_ne!(answer.header("x-request-id"), Some(ID));
}

#[tokio::test]
async fn an_operation_is_a_method_and_a_route_and_never_a_path() {
    let inner = Router::new().route("/users/{id}", any(seen)).fallback(seen);
    let app = Router::new()
        .nest("/api", inner)
        .route("/files/{*path}", any(seen))
        .fallback(seen)
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
async fn a_nested_service_adds_its_route() {
    async fn with_event() -> String {
        tracing::info!(target: "test", "here");
        seen().await
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
async fn a_context_that_is_there_already_stays() {
    let context = RequestContext::with_request_id(resilience::RequestId::parse("outer").unwrap());
    let answer = context.scope(ask(app(), get("/users/7"))).await;
    assert_eq!(answer.body, "outer GET /users/{id}");
    assert_eq!(answer.header("x-request-id"), Some("outer"));
}

#[tokio::test]
async fn everything_that_is_logged_has_the_span() {
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
