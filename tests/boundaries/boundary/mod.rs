//! `#[boundary]`: one record for a failure, whatever is nested in it, and a context for the work.

use std::cell::Cell;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use resilience::{
    AlertNotice, AlertPhase, Boundary, Classification, Named, Rejected, RequestContext, RequestId,
    ServiceError, boundary, degrade, on_alert, retry, timeout,
};
use resilience_boundary_tests::{Record, Records};

#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error, ServiceError)]
enum UserError {
    #[error("no row for user {0}")]
    #[service(not_found)]
    Unknown(u64),
    #[error("the replica is away")]
    #[service(unavailable)]
    Away,
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] Rejected),
}

fn reports(records: &Records) -> Vec<Record> {
    let is_report = |record: &Record| {
        record.text("target") == "resilience::report"
            && record.text("message") != "already_reported"
    };
    records.all().into_iter().filter(is_report).collect()
}

fn only_report(records: &Records) -> Record {
    let all = reports(records);
    assert_eq!(all.len(), 1, "{all:#?}");
    all[0].clone()
}

fn id_of_the_context() -> Option<RequestId> {
    RequestContext::current().map(|context| context.request_id().clone())
}

#[boundary(operation = "get_user", user = id)]
async fn get_user(id: u64) -> Result<u64, UserError> {
    if id == 0 { Err(UserError::Unknown(id)) } else { Ok(id) }
}

const LINE_OF_GET_USER: u32 = line!() - 5;

#[tokio::test(start_paused = true)]
async fn a_failure_is_one_record_that_answers_the_five_questions() {
    let records = Records::capture();
    assert_eq!(get_user(0).await, Err(UserError::Unknown(0)), "passed on unchanged");
    let record = only_report(&records);
    assert_eq!(record.text("message"), "expected_error");
    assert_eq!(record.text("level"), "WARN");
    assert_eq!(record.text("error.type"), "NOT_FOUND");
    assert!(record.text("exception.type").ends_with("UserError"), "{record:?}");
    assert_eq!(record.text("exception.message"), "no row for user 0");
    assert_eq!(record.text("operation"), "get_user");
    assert!(record.text("code.file.path").ends_with("boundary.rs"), "{record:?}");
    assert_eq!(record["code.line.number"], LINE_OF_GET_USER);
    assert_eq!(record.text("user_id"), "0");
    assert_eq!(record.text("request_id").len(), 36);
    assert_eq!(record["span"]["name"], "boundary");
    assert_eq!(record["span"]["operation"], "get_user");
    assert_eq!(record["span"]["request_id"].as_str(), Some(record.text("request_id")));
}

#[tokio::test(start_paused = true)]
async fn a_success_is_no_record_and_leaves_no_context() {
    let records = Records::capture();
    assert_eq!(get_user(7).await, Ok(7));
    assert_eq!(records.names(), [""; 0]);
    assert_eq!(id_of_the_context(), None);
}

#[boundary]
async fn r#loop(id: u64) -> Result<u64, UserError> {
    get_user(id).await
}

#[tokio::test(start_paused = true)]
async fn of_nested_boundaries_the_innermost_makes_the_record() {
    let records = Records::capture();
    assert!(r#loop(0).await.is_err());
    assert_eq!(only_report(&records).text("operation"), "get_user");
    // The context of the outer one is the inner one's as well.
    assert_eq!(only_report(&records)["span"]["operation"], "loop");
    assert_eq!(records.names().iter().filter(|name| *name == "already_reported").count(), 1);
}

#[boundary]
#[retry(idempotent, attempts = 3, timed_elsewhere)]
async fn retried(calls: &AtomicU32, good: u32) -> Result<u32, UserError> {
    let call = calls.fetch_add(1, Relaxed) + 1;
    if call >= good { Ok(call) } else { Err(UserError::Away) }
}

#[tokio::test(start_paused = true)]
async fn a_retried_failure_is_reported_after_the_last_attempt() {
    let records = Records::capture();
    let calls = AtomicU32::new(0);
    assert_eq!(retried(&calls, 9).await, Err(UserError::Away));
    assert_eq!(calls.load(Relaxed), 3);
    assert_eq!(
        records.names(),
        ["retry_scheduled", "retry_scheduled", "retry_stopped", "expected_error"]
    );
    let report = only_report(&records);
    assert_eq!(report.text("operation"), "retried");
    // Each event of the layers can be found by the request it belongs to.
    for record in records.all() {
        assert_eq!(
            record["span"]["request_id"].as_str(),
            Some(report.text("request_id")),
            "{record:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_retry_has_cured_is_no_error() {
    let records = Records::capture();
    assert_eq!(retried(&AtomicU32::new(0), 3).await, Ok(3));
    assert!(reports(&records).is_empty(), "{:?}", records.names());
}

#[boundary]
#[degrade(fallback = 0)]
#[timeout("1s")]
async fn degraded(id: u64) -> Result<u64, UserError> {
    if id == 0 {
        std::future::pending::<()>().await;
    }
    Err(UserError::Unknown(id))
}

#[tokio::test(start_paused = true)]
async fn what_a_fallback_stands_in_for_is_no_error() {
    let records = Records::capture();
    assert_eq!(degraded(0).await, Ok(0));
    assert_eq!(records.names(), ["call_timed_out", "graceful_degradation_activated"]);
    assert_eq!(degraded(1).await, Err(UserError::Unknown(1)));
    assert_eq!(only_report(&records).text("exception.message"), "no row for user 1");
}

#[boundary]
#[timeout("1s")]
async fn hangs() -> Result<(), UserError> {
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_given_up_is_reported() {
    let records = Records::capture();
    assert!(matches!(hangs().await, Err(UserError::Rejected(Rejected::TimedOut { .. }))));
    assert_eq!(only_report(&records).text("error.type"), "NETWORK_TIMEOUT");
}

struct Message {
    id: String,
    customer: Option<u32>,
    tenant: &'static str,
}

#[boundary(request_id = message.id, user = message.customer, tenant = message.tenant)]
async fn consume(message: Message) -> Result<(String, RequestContext), UserError> {
    let context = RequestContext::current().expect("a context");
    tokio::task::yield_now().await;
    assert_eq!(
        id_of_the_context().as_ref(),
        Some(context.request_id()),
        "it is there at every poll"
    );
    Ok((message.id, context))
}

fn message(id: &str, customer: Option<u32>) -> Message {
    Message { id: id.to_owned(), customer, tenant: "acme" }
}

#[tokio::test]
async fn where_there_is_no_context_the_options_make_it() {
    let (id, context) = consume(message("msg-7", Some(42))).await.unwrap();
    assert_eq!((id.as_str(), context.request_id().as_str()), ("msg-7", "msg-7"));
    assert_eq!(
        (context.user().as_deref(), context.tenant().as_deref()),
        (Some("42"), Some("acme"))
    );
    assert_eq!(context.operation().as_deref(), Some("consume"));

    let (_, context) = consume(message("not fit\nfor a log", None)).await.unwrap();
    assert_eq!(context.request_id().as_str().len(), 36);
    assert_eq!(context.user(), None);
}

#[tokio::test]
async fn a_context_that_is_there_is_kept() {
    let context = RequestContext::new();
    context.set_user("u-1");
    context.set_operation("GET /users/{id}");
    let kept = context.clone();
    context
        .scope(async move {
            let (_, seen) = consume(message("msg-7", None)).await.unwrap();
            assert_eq!(seen.request_id(), kept.request_id());
            assert_eq!(
                (seen.user().as_deref(), seen.tenant().as_deref()),
                (Some("u-1"), Some("acme"))
            );
            assert_eq!(seen.operation().as_deref(), Some("GET /users/{id}"));
            consume(message("msg-8", Some(2))).await.unwrap();
            assert_eq!(kept.user().as_deref(), Some("2"));
        })
        .await;
}

#[boundary(operation = "import")]
fn import(row: &str) -> Result<u8, UserError> {
    assert!(id_of_the_context().is_some());
    row.parse().map_err(|_| UserError::Unknown(1))
}

#[test]
fn a_function_that_is_not_async_has_the_same() {
    let records = Records::capture();
    assert_eq!(import("7"), Ok(7));
    assert!(records.names().is_empty());
    assert_eq!(import("x"), Err(UserError::Unknown(1)));
    assert_eq!(only_report(&records).text("operation"), "import");
    assert_eq!(only_report(&records)["span"]["name"], "boundary");
    assert_eq!(id_of_the_context(), None);
}

#[boundary]
#[retry(idempotent, attempts = 2, base = "1ms", jitter = "none")]
fn retried_and_not_async(calls: &Cell<u32>) -> Result<(), UserError> {
    calls.set(calls.get() + 1);
    Err(UserError::Away)
}

#[test]
fn a_function_that_is_not_async_may_be_retried() {
    let records = Records::capture();
    let calls = Cell::new(0);
    assert_eq!(retried_and_not_async(&calls), Err(UserError::Away));
    assert_eq!(calls.get(), 2);
    assert_eq!(only_report(&records).text("operation"), "retried_and_not_async");
}

/// An error of somebody else's.
#[derive(Debug, PartialEq)]
struct Foreign(&'static str);

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("db error")]
struct Driver<'t>(#[source] std::num::ParseIntError, &'t str);

#[boundary(classify = |_| Classification::permanent("FOREIGN"))]
async fn caused(name: &str) -> Result<i32, Driver<'_>> {
    "x".parse().map_err(|error| Driver(error, name))
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[boundary(classify = |_| Classification::permanent("FOREIGN"))]
fn boxed() -> Result<i32, BoxError> {
    "x".parse().map_err(|error| Driver(error, "row").into())
}

#[boundary(classify = |_| Classification::permanent("FOREIGN"))]
fn any<E: fmt::Display>(error: E) -> Result<i32, E> {
    Err(error)
}

#[boundary(classify = |_| Classification::permanent("FOREIGN"))]
fn hidden() -> Result<i32, impl fmt::Display> {
    if false { Ok(3) } else { Err("no error") }
}

#[boundary(classify = |_| Classification::permanent("FOREIGN"))]
fn hidden_error() -> Result<i32, impl std::error::Error> {
    "x".parse().map_err(|error| Driver(error, "row"))
}

mod crowded {
    use super::{Classification, boundary};

    /// Of the user's own, on every type.
    trait Look {
        fn look(&self) {}
    }

    impl<T> Look for T {}

    #[boundary(classify = |_| Classification::permanent("FOREIGN"))]
    pub(super) fn look(text: &str) -> Result<i32, &str> {
        text.look();
        Err(text)
    }
}

#[test]
fn whatever_an_error_is_it_can_be_classified_from_outside() {
    let records = Records::capture();
    assert!(hidden().is_err() && hidden_error().is_err() && crowded::look("a text").is_err());
    let told = reports(&records)
        .iter()
        .map(|record| record.text("exception.message").to_owned())
        .collect::<Vec<_>>();
    assert_eq!(told, ["no error", "db error", "a text"]);
    assert_eq!(reports(&records)[1].list("error.chain"), ["invalid digit found in string"]);
}

#[tokio::test]
async fn a_foreign_error_tells_its_causes_where_it_has_some() {
    let records = Records::capture();
    caused("row").await.unwrap_err();
    boxed().unwrap_err();
    any(3).unwrap_err();
    let [caused, boxed, any] = &reports(&records)[..] else { panic!("{:?}", records.names()) };
    for record in [caused, boxed] {
        assert_eq!(record.text("exception.message"), "db error");
        assert_eq!(record.list("error.chain"), ["invalid digit found in string"]);
    }
    assert_eq!((any.text("exception.message"), any.has("error.chain")), ("3", false));
}

#[boundary(classify = |_| Classification::permanent("FOREIGN"))]
async fn foreign() -> Result<(), Foreign> {
    Err(Foreign("the library is confused"))
}

#[tokio::test]
async fn a_foreign_error_is_classified_by_a_function() {
    let records = Records::capture();
    assert_eq!(foreign().await, Err(Foreign("the library is confused")));
    let record = only_report(&records);
    assert_eq!(
        (record.text("message"), record.text("error.type")),
        ("unexpected_error", "FOREIGN")
    );
    assert_eq!(record.text("exception.message"), "the library is confused");
    assert!(record.text("exception.type").ends_with("Foreign"), "{record:?}");
}

#[tokio::test]
async fn without_the_macro_it_is_the_same() {
    let records = Records::capture();
    let boundary = Boundary::new("by_hand").request_id("r-1").user("u-1").tenant(&7_u8);
    let outcome: Result<(), _> = boundary.run(async { Err(UserError::Away) }).await;
    assert_eq!(outcome, Err(UserError::Away));
    let record = only_report(&records);
    assert_eq!((record.text("operation"), record.text("request_id")), ("by_hand", "r-1"));
    assert_eq!((record.text("user_id"), record.text("tenant_id")), ("u-1", "7"));
    assert!(record.text("code.file.path").ends_with("boundary.rs"));

    assert_eq!(Boundary::new("by_hand").call(|| Ok::<_, UserError>(1)), Ok(1));
}

#[tokio::test]
async fn what_is_spawned_without_its_context_gets_one() {
    let records = Records::capture();
    let spawned =
        RequestContext::new().sync_scope(|| tokio::spawn(Boundary::new("job").run(get_user(0))));
    assert_eq!(spawned.await.unwrap(), Err(UserError::Unknown(0)));
    assert!(only_report(&records).has("request_id"));

    let records = Records::capture();
    let boundary = RequestContext::new().sync_scope(|| Boundary::new("job"));
    boundary.call(|| import("x")).unwrap_err();
    assert!(only_report(&records).has("request_id"));
}

#[tokio::test(start_paused = true)]
async fn the_work_is_dropped_in_its_context_and_nothing_is_reported() {
    struct Asks<'a>(&'a Mutex<Option<RequestId>>);

    impl Drop for Asks<'_> {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = id_of_the_context();
        }
    }

    #[boundary(request_id = "r-9")]
    async fn cancelled(seen: &Mutex<Option<RequestId>>) -> Result<(), UserError> {
        let _asks = Asks(seen);
        std::future::pending().await
    }

    let records = Records::capture();
    let seen = Mutex::new(None);
    let limit = std::time::Duration::from_secs(1);
    assert!(tokio::time::timeout(limit, cancelled(&seen)).await.is_err());
    assert_eq!(seen.into_inner().unwrap(), RequestId::parse("r-9"));
    assert!(records.names().is_empty(), "{:?}", records.names());
}

#[tokio::test(start_paused = true)]
async fn a_success_ends_a_row_of_failures() {
    static NOTICES: Mutex<Vec<AlertNotice>> = Mutex::new(Vec::new());
    on_alert(|notice| {
        if &*notice.operation == "flaky" {
            NOTICES.lock().unwrap().push(notice.clone());
        }
    });

    #[boundary(operation = "flaky")]
    async fn flaky(works: bool) -> Result<(), UserError> {
        if works { Ok(()) } else { Err(UserError::Away) }
    }

    // Never five in a row.
    for _ in 0..3 {
        for _ in 0..4 {
            assert!(flaky(false).await.is_err());
        }
        assert!(flaky(true).await.is_ok());
    }
    assert!(NOTICES.lock().unwrap().is_empty());
    for _ in 0..5 {
        assert!(flaky(false).await.is_err());
    }
    assert!(flaky(true).await.is_ok());
    let phases: Vec<_> = NOTICES.lock().unwrap().iter().map(|notice| notice.phase).collect();
    assert_eq!(phases, [AlertPhase::Began, AlertPhase::Over]);
}

#[test]
fn names_of_all_sorts() {
    let header = http::HeaderValue::from_static("abc");
    let torn = http::HeaderValue::from_bytes(b"\xff").unwrap();
    let table: [(&dyn Named, Option<&str>); 10] = [
        (&"a", Some("a")),
        (&String::from("b"), Some("b")),
        (&Some("c"), Some("c")),
        (&None::<&str>, None),
        (&-7_i64, Some("-7")),
        (&Some(&7_u8), Some("7")),
        (&std::borrow::Cow::Borrowed("d"), Some("d")),
        (&RequestId::parse("e").unwrap(), Some("e")),
        (&Some(&header), Some("abc")),
        (&torn, None),
    ];
    for (name, expected) in table {
        assert_eq!(name.name().as_deref(), expected);
    }
}

mod answers {
    //! A derived error that is an answer by itself, `#[service(axum)]`.

    use axum::Router;
    use axum::body::Body;
    use axum::extract::Path;
    use axum::response::{IntoResponse as _, Response};
    use axum::routing::get;
    use http_body_util::BodyExt as _;
    use resilience::axum::RequestLayer;
    use resilience::{FieldError, ServiceError, boundary};
    use resilience_boundary_tests::Records;
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
    async fn a_handler_may_return_it() {
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
    async fn of_a_server_error_nothing_leaves() {
        let records = Records::capture();
        let response = answer("0").await;
        assert_eq!(response.status(), 500);
        let json = body(response).await;
        assert_eq!(json["detail"], "An internal error occurred");
        assert!(!json.to_string().contains("ledger"), "{json}");
        assert_eq!(only_report(&records).text("message"), "unexpected_error");
    }

    #[tokio::test]
    async fn one_with_parameters_as_well() {
        assert_eq!(Gone("it").into_response().status(), 409);
    }
}

mod shapes {
    //! Every shape of function that can be annotated.

    use std::cell::Cell;
    use std::fmt::Display;
    use std::future::Future;

    use async_trait::async_trait;
    use resilience::{boundary, retry};

    use super::{UserError, only_report};
    use resilience_boundary_tests::Records;

    struct Repository {
        rows: Vec<u64>,
        owner: String,
    }

    impl Repository {
        #[boundary(user = self.owner)]
        async fn first(&mut self) -> Result<&mut u64, UserError> {
            self.rows.first_mut().ok_or(UserError::Away)
        }

        #[boundary(user = &self.owner)]
        fn last(&mut self) -> Result<&mut u64, UserError> {
            self.rows.last_mut().ok_or(UserError::Away)
        }

        #[boundary(user = self.owner)]
        async fn consumed(self) -> Result<String, UserError> {
            Ok(self.owner)
        }
    }

    #[async_trait]
    trait Users {
        async fn user(&self, id: u64) -> Result<u64, UserError>;
    }

    #[async_trait]
    impl Users for Repository {
        #[boundary(operation = "user", user = self.owner, tenant = id)]
        #[retry(idempotent, attempts = 2, base = "1ms", timed_elsewhere)]
        async fn user(&self, id: u64) -> Result<u64, UserError> {
            self.rows.iter().copied().find(|row| *row == id).ok_or(UserError::Unknown(id))
        }
    }

    trait Native {
        fn native(&self, id: u64) -> impl Future<Output = Result<u64, UserError>> + Send;
    }

    impl Native for Repository {
        #[boundary]
        async fn native(&self, id: u64) -> Result<u64, UserError> {
            self.rows.first().copied().ok_or(UserError::Unknown(id))
        }
    }

    #[boundary]
    async fn generic<T: Display + Send, const N: usize>(
        values: [T; N],
    ) -> Result<impl Iterator<Item = String>, UserError> {
        if N == 0 {
            return Err(UserError::Away);
        }
        Ok(values.into_iter().map(|value| value.to_string()))
    }

    type Answer<T> = Result<T, UserError>;

    /// `Cell` is `Send` and not `Sync`: what runs once has its arguments for good.
    #[boundary]
    async fn moved(cell: Cell<u8>) -> Answer<u8> {
        tokio::task::yield_now().await;
        Ok(cell.get())
    }

    fn repository() -> Repository {
        Repository { rows: vec![1, 2], owner: "ada".into() }
    }

    fn sendable<F: Future + Send>(future: F) -> F {
        future
    }

    #[tokio::test]
    async fn all_compile_and_work() {
        let mut repository = repository();
        *sendable(repository.first()).await.unwrap() += 10;
        *repository.last().unwrap() += 10;
        assert_eq!(repository.rows, [11, 12]);
        assert_eq!(sendable(repository.user(12)).await, Ok(12));
        assert_eq!(sendable(repository.native(1)).await, Ok(11));
        assert_eq!(sendable(generic([1, 2])).await.unwrap().collect::<String>(), "12");
        assert_eq!(sendable(moved(Cell::new(3))).await, Ok(3));
        assert_eq!(sendable(repository.consumed()).await.unwrap(), "ada");
    }

    #[tokio::test(start_paused = true)]
    async fn a_method_of_async_trait_reports_once() {
        let records = Records::capture();
        assert_eq!(repository().user(9).await, Err(UserError::Unknown(9)));
        let report = only_report(&records);
        assert_eq!(
            (report.text("operation"), report.text("user_id"), report.text("tenant_id")),
            ("user", "ada", "9")
        );
    }

    async fn bare(row: [u64; 16]) -> Result<u64, UserError> {
        tokio::task::yield_now().await;
        Ok(row[0])
    }

    #[boundary]
    async fn under_boundary(row: [u64; 16]) -> Result<u64, UserError> {
        tokio::task::yield_now().await;
        Ok(row[0])
    }

    #[test]
    fn a_future_holds_little_more_than_the_work() {
        let (ours, bare) = (size_of_val(&under_boundary([0; 16])), size_of_val(&bare([0; 16])));
        // The argument once more, as the signature has it, and the boundary itself.
        assert!(ours <= bare + 128 + 64, "{ours} bytes, bare {bare}");
    }
}

#[boundary(operation = "import", request_id = "run-3")]
async fn bursts(at: &str) -> Result<(), UserError> {
    tokio::task::yield_now().await;
    panic!("no such column: {at}")
}

const LINE_OF_THE_PANIC: u32 = line!() - 3;

fn assert_panic(records: &Records, operation: &str, line: u32) -> Record {
    let record = only_report(records);
    assert_eq!((record.text("message"), record.text("error.type")), ("unexpected_error", "PANIC"));
    assert_eq!(record.text("operation"), operation);
    assert!(record.text("code.file.path").ends_with("boundary.rs"), "{record:?}");
    assert_eq!(record["code.line.number"], line, "{record:?}");
    record
}

#[tokio::test]
async fn a_panic_is_one_record_and_goes_on() {
    let records = Records::capture();
    let joined = tokio::spawn(bursts("age")).await;
    let payload = joined.unwrap_err().into_panic();
    assert_eq!(payload.downcast_ref::<String>().unwrap(), "no such column: age");
    let record = assert_panic(&records, "import", LINE_OF_THE_PANIC);
    assert_eq!(record.text("request_id"), "run-3");
    assert!(record.text("exception.message").ends_with(": no such column: age"), "{record:?}");
    assert_eq!(record["span"]["name"], "boundary");
}

#[tokio::test]
async fn the_innermost_of_several_boundaries_reports_a_panic() {
    #[boundary]
    async fn outer() -> Result<(), UserError> {
        bursts("age").await
    }
    let records = Records::capture();
    tokio::spawn(RequestContext::new().scope(outer())).await.unwrap_err();
    assert_panic(&records, "import", LINE_OF_THE_PANIC);
    assert!(records.names().contains(&"already_reported".to_owned()), "{:?}", records.names());
}

#[test]
fn a_function_that_is_not_async_panics_like_any_other() {
    let line = line!() + 3;
    #[boundary]
    fn sums(numbers: &[u8]) -> Result<u8, UserError> {
        Ok(numbers[0] + numbers[7])
    }
    let records = Records::capture();
    std::panic::catch_unwind(|| sums(&[1])).unwrap_err();
    assert_panic(&records, "sums", line);
}

#[tokio::test]
async fn what_is_dropped_in_a_panic_keeps_the_place_of_that() {
    struct Cleaned;

    impl Drop for Cleaned {
        fn drop(&mut self) {
            Boundary::new("clean").call(|| Ok::<_, UserError>(())).unwrap();
        }
    }

    let line = line!() + 4;
    #[boundary]
    async fn cleans_up() -> Result<(), UserError> {
        let _cleaned = Cleaned;
        panic!("on the way")
    }
    let records = Records::capture();
    tokio::spawn(cleans_up()).await.unwrap_err();
    assert_panic(&records, "cleans_up", line);
}
