//! What is reported, and when.

use resilience::{Rejected, boundary, timeout};
use resilience_test_support::Records;

use super::{LINE_OF_GET_USER, UserError, current_id, get_user, import, only_report};

#[tokio::test(start_paused = true)]
async fn failure_is_one_complete_record() {
    let records = Records::capture();
    assert_eq!(get_user(0).await, Err(UserError::Unknown(0)), "passed on unchanged");
    let record = only_report(&records);
    assert_eq!(record.text("message"), "expected_error");
    assert_eq!(record.text("level"), "WARN");
    assert_eq!(record.text("error.type"), "NOT_FOUND");
    assert!(record.text("exception.type").ends_with("UserError"), "{record:?}");
    assert_eq!(record.text("exception.message"), "no row for user 0");
    assert_eq!(record.text("operation"), "get_user");
    assert!(record.text("code.file.path").ends_with("boundary/mod.rs"), "{record:?}");
    assert_eq!(record["code.line.number"], LINE_OF_GET_USER);
    assert_eq!(record.text("user_id"), "0");
    assert_eq!(record.text("request_id").len(), 36);
    assert_eq!(record["span"]["name"], "boundary");
    assert_eq!(record["span"]["operation"], "get_user");
    assert_eq!(record["span"]["request_id"].as_str(), Some(record.text("request_id")));
}

#[tokio::test(start_paused = true)]
async fn success_leaves_no_record_and_no_context() {
    let records = Records::capture();
    assert_eq!(get_user(7).await, Ok(7));
    assert_eq!(records.names(), [""; 0]);
    assert_eq!(current_id(), None);
}

#[boundary]
async fn r#loop(id: u64) -> Result<u64, UserError> {
    get_user(id).await
}

#[tokio::test(start_paused = true)]
async fn innermost_of_nested_boundaries_reports() {
    let records = Records::capture();
    assert!(r#loop(0).await.is_err());
    assert_eq!(only_report(&records).text("operation"), "get_user");
    // The inner boundary uses the context of the outer one.
    assert_eq!(only_report(&records)["span"]["operation"], "loop");
    assert_eq!(records.names().iter().filter(|name| *name == "already_reported").count(), 1);
}

#[boundary]
#[timeout("1s")]
async fn hangs() -> Result<(), UserError> {
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn timed_out_call_is_reported() {
    let records = Records::capture();
    assert!(matches!(hangs().await, Err(UserError::Rejected(Rejected::TimedOut { .. }))));
    assert_eq!(only_report(&records).text("error.type"), "NETWORK_TIMEOUT");
}

#[test]
fn sync_function_has_context_span_and_report() {
    let records = Records::capture();
    assert_eq!(import("7"), Ok(7));
    assert!(records.names().is_empty());
    assert_eq!(import("x"), Err(UserError::Unknown(1)));
    assert_eq!(only_report(&records).text("operation"), "import");
    assert_eq!(only_report(&records)["span"]["name"], "boundary");
    assert_eq!(current_id(), None);
}

struct Orders;

#[boundary(service = "orders")]
impl Orders {
    async fn find(&self, id: u64) -> Result<u64, UserError> {
        get(id)
    }

    async fn list(&self, id: u64) -> Result<u64, UserError> {
        get(id)
    }
}

const LINE_OF_FIND: u32 = line!() - 9;

fn get(id: u64) -> Result<u64, UserError> {
    Err(UserError::Unknown(id))
}

#[tokio::test(start_paused = true)]
async fn each_method_of_an_annotated_block_is_reported_under_its_name_and_place() {
    let records = Records::capture();
    Orders.find(1).await.unwrap_err();
    Orders.list(2).await.unwrap_err();
    let told: Vec<_> = records
        .reports()
        .iter()
        .map(|record| {
            let line = record["code.line.number"].as_u64().unwrap();
            (record.text("operation").to_owned(), record.text("function").to_owned(), line)
        })
        .collect();
    let line = u64::from(LINE_OF_FIND);
    let expected = [("find", line), ("list", line + 4)]
        .map(|(name, line)| (name.to_owned(), name.to_owned(), line));
    assert_eq!(told, expected);
}
