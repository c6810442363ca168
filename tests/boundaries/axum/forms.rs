//! A problem below the layer: its body, its headers, and changes by layers in between.

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get as route;
use resilience::axum::RequestLayer;
use resilience::errors::{AuthFailed, NotFound, RateLimited, ServiceUnavailable, ValidationError};
use resilience::http::BodyFormat;
use resilience::{Problem, ServiceError, secs};
use tower::{Layer as _, ServiceExt as _};

use super::{ask, get};

async fn missing() -> Result<(), Problem> {
    Err(NotFound::new("user", "7"))?
}

fn app() -> Router {
    Router::new()
        .route("/missing", route(missing))
        .route("/plain", route(async || Problem::of(&NotFound::new("user", "7")).plain()))
        .route(
            "/invalid",
            route(async || Problem::from(ValidationError::new("email", "must contain an @"))),
        )
        .route("/who", route(async || Problem::from(AuthFailed::new())))
        .route(
            "/who/basic",
            route(async || Problem::from(AuthFailed::new()).with_challenge("Basic realm=\"a\"")),
        )
        .route(
            "/who/header",
            route(async || ([(header::WWW_AUTHENTICATE, "Own")], Problem::from(AuthFailed::new()))),
        )
        .route(
            "/slow",
            route(async || Problem::from(RateLimited::new("api").with_retry_after(secs(7)))),
        )
        .route("/away", route(async || Problem::from(ServiceUnavailable::new("db-7.internal"))))
        .route("/typed", route(async || Problem::new(403, "NO_CREDIT").with_type("urn:credit")))
        .route(
            "/teapot",
            route(async || (StatusCode::IM_A_TEAPOT, Problem::of(&NotFound::new("user", "7")))),
        )
        .route(
            "/worse",
            route(async || (StatusCode::BAD_GATEWAY, Problem::of(&NotFound::new("user", "7")))),
        )
}

#[tokio::test]
async fn problem_is_a_response_without_the_layer() {
    let answer = ask(app(), get("/missing")).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (404, Some("application/problem+json"))
    );
    assert_eq!(
        answer.body,
        r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"user 7 not found","code":"NOT_FOUND","retryable":false}"#
    );
}

#[tokio::test]
async fn default_problem_body_is_exact() {
    let answer = ask(app().layer(RequestLayer::new()), get("/invalid")).await;
    answer.assert_problem(422, "VALIDATION_ERROR", "validation failed on email: must contain an @");
    assert_eq!(
        answer.body,
        concat!(
            r##"{"type":"about:blank","title":"Unprocessable Content","status":422,"detail":"validation failed on email: must contain an @","##,
            r##""code":"VALIDATION_ERROR","request_id":"req-1","retryable":false,"##,
            r##""errors":[{"detail":"must contain an @","pointer":"#/email"}]}"##
        )
    );
}

#[tokio::test]
async fn plain_problem_body_is_exact() {
    let expected = |answer: super::Answer| {
        assert_eq!((answer.status, answer.header("content-type")), (404, Some("application/json")));
        assert_eq!(
            answer.body,
            r#"{"error":"NOT_FOUND","message":"user 7 not found","request_id":"req-1"}"#
        );
    };
    // Set on the problem.
    expected(ask(app().layer(RequestLayer::new()), get("/plain")).await);
    // Set on the layer.
    let layer = RequestLayer::new().body_format(BodyFormat::Plain);
    expected(ask(app().layer(layer.clone()), get("/missing")).await);
    let answer = ask(app().layer(layer), get("/nowhere")).await;
    assert_eq!(answer.body, r#"{"error":"NOT_FOUND","message":"Not found","request_id":"req-1"}"#);
    // The layer takes precedence.
    let layer = RequestLayer::new().body_format(BodyFormat::Problem);
    ask(app().layer(layer), get("/plain")).await.assert_problem(
        404,
        "NOT_FOUND",
        "user 7 not found",
    );
}

#[tokio::test]
async fn problem_types_get_the_configured_prefix() {
    let app = app().layer(RequestLayer::new().problem_types("https://example.com/problems/"));
    assert_eq!(
        ask(app.clone(), get("/missing")).await.json()["type"],
        "https://example.com/problems/NOT_FOUND"
    );
    assert_eq!(
        ask(app.clone(), get("/nowhere")).await.json()["type"],
        "https://example.com/problems/NOT_FOUND"
    );
    assert_eq!(ask(app, get("/typed")).await.json()["type"], "urn:credit");
}

#[tokio::test]
async fn unauthorized_response_has_a_challenge() {
    let default = app().layer(RequestLayer::new());
    let set = app().layer(RequestLayer::new().challenge(HeaderValue::from_static("Session")));
    for (path, with_default, with_set) in [
        ("/who", Some("Bearer"), Some("Session")),
        ("/who/basic", Some("Basic realm=\"a\""), Some("Basic realm=\"a\"")),
        ("/who/header", Some("Own"), Some("Own")),
        ("/missing", None, None),
    ] {
        assert_eq!(
            ask(default.clone(), get(path)).await.header("www-authenticate"),
            with_default,
            "{path}"
        );
        assert_eq!(
            ask(set.clone(), get(path)).await.header("www-authenticate"),
            with_set,
            "{path}"
        );
    }
    assert_eq!(ask(app(), get("/who")).await.header("www-authenticate"), Some("Bearer"));
}

#[tokio::test]
async fn retry_after_is_sent_as_a_header() {
    let app = app().layer(RequestLayer::new());
    let answer = ask(app.clone(), get("/slow")).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("7")));
    assert_eq!(answer.json()["retryable"], true);
    let answer = ask(app, get("/away")).await;
    answer.assert_problem(503, "SERVICE_UNAVAILABLE", "The service is temporarily unavailable");
    assert_eq!(answer.header("retry-after"), None);
    assert!(!answer.body.contains("db-7"));
}

#[tokio::test]
async fn body_follows_a_status_set_around_the_problem() {
    let app = app().layer(RequestLayer::new());
    ask(app.clone(), get("/teapot")).await.assert_problem(418, "NOT_FOUND", "user 7 not found");
    ask(app, get("/worse")).await.assert_problem(502, "NOT_FOUND", "An internal error occurred");
}

#[tokio::test]
async fn layer_works_outside_the_router() {
    let app = RequestLayer::new().layer(app());
    let response = app.clone().oneshot(get("/missing")).await.unwrap();
    assert_eq!(response.headers()["x-request-id"], "req-1");
    assert_eq!(response.extensions().get::<Problem>().unwrap().code(), "NOT_FOUND");
    let response = app.oneshot(super::request("HEAD", "/missing", "")).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert!(axum::body::to_bytes(response.into_body(), 9).await.unwrap().is_empty());
}

#[derive(Debug, thiserror::Error, ServiceError)]
#[service(axum)]
enum ShopError {
    #[error("row {0} is gone")]
    #[service(not_found)]
    Gone(u32),
}

#[derive(Debug, thiserror::Error, ServiceError)]
#[service(axum)]
enum Wrapped<E: Send>
where
    E: std::error::Error + 'static,
{
    #[error(transparent)]
    #[service(transparent)]
    Inner(E),
}

#[tokio::test]
async fn error_enum_with_axum_option_is_a_response() {
    let app = Router::new()
        .route("/own", route(async || Err::<(), _>(ShopError::Gone(7))))
        .route("/generic", route(async || Err::<(), _>(Wrapped::Inner(ShopError::Gone(7)))))
        .layer(RequestLayer::new());
    ask(app.clone(), get("/own")).await.assert_problem(404, "NOT_FOUND", "Not found");
    ask(app, get("/generic")).await.assert_problem(404, "NOT_FOUND", "Not found");
}

#[tokio::test]
async fn success_status_around_a_problem_is_kept() {
    let app = Router::new()
        .route("/", route(async || (StatusCode::OK, Problem::of(&NotFound::new("user", "7")))))
        .layer(RequestLayer::new());
    assert_eq!(ask(app, get("/")).await.status, 200);
}

#[tokio::test]
async fn html_page_that_replaced_a_problem_is_left_alone() {
    async fn page(response: Response) -> Response {
        let (mut parts, _) = response.into_parts();
        parts.headers.insert(header::CONTENT_TYPE, "text/html".parse().unwrap());
        parts.headers.remove(header::CONTENT_LENGTH);
        Response::from_parts(parts, "<h1>lost</h1>".into())
    }
    async fn text(response: Response) -> Response {
        let (mut parts, _) = response.into_parts();
        parts.headers.insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
        Response::from_parts(parts, "hunter2".into())
    }
    let answer =
        ask(app().layer(map_response(page)).layer(RequestLayer::new()), get("/missing")).await;
    assert_eq!(
        (answer.status, answer.header("content-type"), &*answer.body),
        (404, Some("text/html"), "<h1>lost</h1>")
    );
    let answer =
        ask(app().layer(map_response(text)).layer(RequestLayer::new()), get("/away")).await;
    answer.assert_problem(503, "SERVICE_UNAVAILABLE", "The service is temporarily unavailable");
}

#[tokio::test]
async fn problem_content_type_may_have_a_parameter() {
    let kind = [(header::CONTENT_TYPE, "application/problem+json; charset=utf-8")];
    let problem =
        async move || (StatusCode::BAD_GATEWAY, kind, Problem::of(&NotFound::new("user", "7")));
    let app = Router::new().route("/", route(problem)).layer(RequestLayer::new());
    ask(app, get("/")).await.assert_problem(502, "NOT_FOUND", "An internal error occurred");
}
