//! The context of the work: its options, and where it ends.

use std::sync::Mutex;

use resilience::{
    Boundary, RequestContext, boundary,
    request::{ContextId, RequestId},
};
use resilience_test_support::Records;

use super::{UserError, current_id, get_user, import, only_report};

struct Message {
    id: String,
    customer: Option<u32>,
    tenant: &'static str,
}

#[boundary(request_id = message.id, user = message.customer, tenant = message.tenant)]
async fn consume(message: Message) -> Result<(String, RequestContext), UserError> {
    let context = RequestContext::current().expect("a context");
    tokio::task::yield_now().await;
    assert_eq!(current_id().as_ref(), Some(context.request_id()), "it is there at every poll");
    Ok((message.id, context))
}

fn message(id: &str, customer: Option<u32>) -> Message {
    Message { id: id.to_owned(), customer, tenant: "acme" }
}

#[tokio::test]
async fn options_fill_a_new_context() {
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
async fn options_complete_an_existing_context() {
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

#[tokio::test]
async fn boundary_builder_works_without_the_macro() {
    let records = Records::capture();
    let boundary = Boundary::new("by_hand").request_id("r-1").user("u-1").tenant(&7_u8);
    let outcome: Result<(), _> = boundary.run(async { Err(UserError::Away) }).await;
    assert_eq!(outcome, Err(UserError::Away));
    let record = only_report(&records);
    assert_eq!((record.text("operation"), record.text("request_id")), ("by_hand", "r-1"));
    assert_eq!((record.text("user_id"), record.text("tenant_id")), ("u-1", "7"));
    assert!(record.text("code.file.path").ends_with("boundary/context.rs"));

    assert_eq!(Boundary::new("by_hand").call(|| Ok::<_, UserError>(1)), Ok(1));
}

#[tokio::test]
async fn spawned_boundary_without_context_creates_one() {
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
async fn canceled_work_is_dropped_in_its_context_without_a_report() {
    struct RecordsContext<'a>(&'a Mutex<Option<RequestId>>);

    impl Drop for RecordsContext<'_> {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = current_id();
        }
    }

    #[boundary(request_id = id)]
    async fn canceled(id: &str, seen: &Mutex<Option<RequestId>>) -> Result<(), UserError> {
        let _guard = RecordsContext(seen);
        std::future::pending().await
    }

    let records = Records::capture();
    let seen = Mutex::new(None);
    let limit = std::time::Duration::from_secs(1);
    assert!(tokio::time::timeout(limit, canceled("r-9", &seen)).await.is_err());
    assert_eq!(seen.into_inner().unwrap(), RequestId::parse("r-9"));
    assert!(records.names().is_empty(), "{:?}", records.names());
}

#[test]
fn context_ids_can_be_strings_numbers_and_headers() {
    let header = http::HeaderValue::from_static("abc");
    let torn = http::HeaderValue::from_bytes(b"\xff").unwrap();
    let table: [(&dyn ContextId, Option<&str>); 10] = [
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
        assert_eq!(name.id().as_deref(), expected);
    }
}
