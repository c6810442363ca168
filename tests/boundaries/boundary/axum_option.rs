//! `#[service(axum)]`: a derived error as a response.

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http_body_util::BodyExt as _;
use resilience::axum::RequestLayer;
use resilience::{FieldError, ServiceError, boundary};
use resilience_test_support::Records;
use tower::ServiceExt as _;

use super::only_report;

#[derive(Debug, thiserror::Error, ServiceError)]
#[service(axum)]
enum SignUpError {
    #[error("{0} is no number")]
    #[service(validation, public = "Please correct the form")]
    Form(String, #[service(errors)] Vec<FieldError>),
    #[error("the ledger at 10.0.0.7 is out of balance")]
    #[service(internal)]
    Ledger,
}

#[derive(Debug, thiserror::Error, ServiceError)]
#[error("{0} is gone")]
#[service(conflict, axum)]
struct Gone<T: std::fmt::Display + std::fmt::Debug>(T);

#[boundary(operation = "sign_up", user = age)]
async fn sign_up(Path(age): Path<String>) -> Result<String, SignUpError> {
    match age.as_str() {
        "0" => Err(SignUpError::Ledger),
        age => match age.parse::<u8>() {
            Ok(age) => Ok(age.to_string()),
            Err(_) => Err(SignUpError::Form(
                age.to_owned(),
                vec![FieldError::new("age", "must be a number")],
            )),
        },
    }
}

async fn body(response: Response) -> serde_json::Value {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

async fn answer(age: &str) -> Response {
    let app: Router = Router::new().route("/{age}", get(sign_up)).layer(RequestLayer::new());
    let request =
        http::Request::get(format!("/{age}")).header("x-request-id", "r-1").body(Body::empty());
    app.oneshot(request.unwrap()).await.unwrap()
}

#[tokio::test]
async fn handler_may_return_an_error_with_axum_option() {
    let records = Records::capture();
    let response = answer("x").await;
    assert_eq!(response.status(), 422);
    let json = body(response).await;
    assert_eq!(
        (&json["code"], &json["detail"]),
        (&"VALIDATION_ERROR".into(), &"Please correct the form".into())
    );
    assert!(json["errors"].to_string().contains("must be a number"), "{json}");
    assert_eq!(json["request_id"], "r-1");
    let report = only_report(&records);
    assert_eq!((report.text("operation"), report.text("request_id")), ("sign_up", "r-1"));
    assert_eq!(report.text("user_id"), "x");
    assert_eq!(report["span"]["name"], "request", "the request's own context is kept");
}

#[tokio::test]
async fn server_error_with_axum_option_is_hidden() {
    let records = Records::capture();
    let response = answer("0").await;
    assert_eq!(response.status(), 500);
    let json = body(response).await;
    assert_eq!(json["detail"], "An internal error occurred");
    assert!(!json.to_string().contains("ledger"), "{json}");
    assert_eq!(only_report(&records).text("message"), "unexpected_error");
}

#[tokio::test]
async fn generic_error_with_axum_option_is_a_response() {
    assert_eq!(Gone("it").into_response().status(), 409);
}
