//! Panics below the layer.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get as route;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use resilience::axum::RequestLayer;
use resilience_test_support::{Record, Records};
use tower::service_fn;

use super::{Parts, ask, get, send};

const GENERIC: &str = "An internal error occurred";

struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "{}", self.0);
    }
}

#[track_caller]
fn assert_record(records: &Records, text: &str) -> Record {
    let record = records.only();
    assert_eq!(record.text("message"), "unexpected_error");
    assert_eq!(record.text("error.type"), "PANIC");
    assert_eq!(record.text("request_id"), "req-1");
    assert!(record.text("exception.message").ends_with(text), "{record:?}");
    assert!(record.text("code.file.path").ends_with("axum/panics.rs"), "{record:?}");
    record
}

#[tokio::test]
async fn handler_panic_is_an_ordinary_500() {
    let line = line!() + 4;
    let app = Router::new().route(
        "/users/{id}",
        route(async || {
            assert!("".len() > 1, "secret {}", 42);
        }),
    );
    let records = Records::capture();
    let answer = ask(app.layer(RequestLayer::new()), get("/users/7")).await;
    answer.assert_problem(500, "INTERNAL_ERROR", GENERIC);
    assert!(!answer.body.contains("secret") && !answer.body.contains("PANIC"), "{}", answer.body);
    let record = assert_record(&records, ": secret 42");
    assert_eq!(record["code.line.number"], line, "{record:?}");
    assert_eq!(record.text("operation"), "GET /users/{id}");
}

#[tokio::test]
async fn handler_panic_after_an_await_with_a_non_text_payload_is_a_500() {
    let app = Router::new().route(
        "/",
        route(async || {
            tokio::task::yield_now().await;
            if true {
                std::panic::panic_any(7_u32)
            }
        }),
    );
    let records = Records::capture();
    ask(app.layer(RequestLayer::new()), get("/")).await.assert_problem(
        500,
        "INTERNAL_ERROR",
        GENERIC,
    );
    assert_record(&records, ": non-string panic payload");
}

#[tokio::test]
async fn panic_before_the_future_exists_is_a_500() {
    fn panics(_: Request) -> std::future::Ready<Result<Response, Infallible>> {
        panic!("at once")
    }
    let app = Router::new().route_service("/", service_fn(panics));
    let records = Records::capture();
    ask(app.layer(RequestLayer::new()), get("/")).await.assert_problem(
        500,
        "INTERNAL_ERROR",
        GENERIC,
    );
    assert_record(&records, ": at once");
}

#[tokio::test]
async fn streaming_body_panic_is_reported_after_response_start() {
    let app = Router::new().route(
        "/",
        route(async || {
            let mut parts = 0;
            Body::new(Parts(move || {
                parts += 1;
                assert!(parts < 3, "part {parts}");
                Some("part ")
            }))
        }),
    );
    let records = Records::capture();
    let mut body = send(app.layer(RequestLayer::new()), get("/")).await.into_body();
    for _ in 0..2 {
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), "part ");
    }
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the body panicked");
    assert!(body.frame().await.is_none());
    assert_record(&records, ": part 3");
}

/// Over a real connection the client must learn that the body is incomplete.
#[tokio::test]
async fn client_sees_a_broken_body_and_the_server_keeps_serving() {
    let broken = async || {
        let mut left = 2;
        Body::new(Parts(move || {
            left -= 1;
            assert!(left > 0, "no more parts");
            Some("part ")
        }))
    };
    let app = Router::new().route("/broken", route(broken)).route("/fine", route(async || "fine"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server =
        tokio::spawn(async { axum::serve(listener, app.layer(RequestLayer::new())).await });
    let client = reqwest::Client::builder().no_proxy().build().unwrap();

    let whole =
        async { client.get(format!("http://{address}/broken")).send().await?.bytes().await };
    assert!(whole.await.is_err());
    let fine = client.get(format!("http://{address}/fine")).send().await.unwrap();
    assert_eq!(fine.text().await.unwrap(), "fine");
    server.abort();
}

#[tokio::test]
async fn handler_that_panics_on_drop_is_a_500() {
    let app = Router::new().route(
        "/",
        route(async || {
            let _bomb = Bomb("again");
            std::future::poll_fn(|_| Poll::Ready(())).await;
        }),
    );
    let records = Records::capture();
    ask(app.layer(RequestLayer::new()), get("/")).await.assert_problem(
        500,
        "INTERNAL_ERROR",
        GENERIC,
    );
    assert_record(&records, ": again");
}

#[tokio::test]
async fn panic_caught_by_the_handler_is_not_reported() {
    let app = Router::new().route(
        "/",
        route(async || {
            let caught = std::panic::catch_unwind(|| panic!("caught"));
            assert!(caught.is_err());
            "fine"
        }),
    );
    let records = Records::capture();
    let answer = ask(app.layer(RequestLayer::new()), get("/")).await;
    assert_eq!((answer.status, &*answer.body), (200, "fine"));
    assert_eq!(records.all(), []);
}

#[tokio::test]
async fn panic_of_a_short_error_body_is_a_500() {
    struct Short;
    impl http_body::Body for Short {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            panic!("secret 42");
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(7)
        }
    }

    let text = async || (StatusCode::CONFLICT, [("content-type", "text/plain")], Body::new(Short));
    let app = Router::new().route("/", route(text)).layer(RequestLayer::new());
    let records = Records::capture();
    ask(app, get("/")).await.assert_problem(500, "INTERNAL_ERROR", GENERIC);
    assert_record(&records, ": secret 42");
}

#[tokio::test]
async fn panic_reported_by_an_inner_boundary_is_not_reported_again() {
    #[resilience::boundary(operation = "get_user")]
    async fn get_user() -> Result<&'static str, resilience::errors::NotFound> {
        panic!("of the boundary")
    }
    let app = Router::new()
        .route("/", route(async || get_user().await.map_err(resilience::Problem::from)));
    let records = Records::capture();
    ask(app.layer(RequestLayer::new()), get("/")).await.assert_problem(
        500,
        "INTERNAL_ERROR",
        GENERIC,
    );
    let reports = records.reports();
    let [names, operations] = ["message", "operation"]
        .map(|field| reports.iter().map(|report| report.text(field)).collect::<Vec<_>>());
    assert_eq!((names, operations[0]), (vec!["unexpected_error", "already_reported"], "get_user"));
}
