//! Panics inside a boundary.

use resilience::{Boundary, RequestContext, boundary};
use resilience_test_support::{Record, Records};

use super::{UserError, only_report};

#[boundary(operation = "import", request_id = run_id())]
async fn bursts(at: &str) -> Result<(), UserError> {
    tokio::task::yield_now().await;
    panic!("no such column: {at}")
}

fn run_id() -> &'static str {
    "run-3"
}

const LINE_OF_THE_PANIC: u32 = line!() - 7;

fn assert_panic(records: &Records, operation: &str, line: u32) -> Record {
    let record = only_report(records);
    assert_eq!((record.text("message"), record.text("error.type")), ("unexpected_error", "PANIC"));
    assert_eq!(record.text("operation"), operation);
    assert!(record.text("code.file.path").ends_with("boundary/panics.rs"), "{record:?}");
    assert_eq!(record["code.line.number"], line, "{record:?}");
    record
}

#[tokio::test]
async fn panic_is_reported_once_and_resumed() {
    let records = Records::capture();
    let joined = tokio::spawn(bursts("age")).await;
    let payload = joined.unwrap_err().into_panic();
    assert_eq!(payload.downcast_ref::<String>().unwrap(), "no such column: age");
    let record = assert_panic(&records, "import", LINE_OF_THE_PANIC);
    assert_eq!(record.text("request_id"), "run-3");
    assert_eq!(record.text("function"), "bursts");
    assert!(record.text("exception.message").ends_with(": no such column: age"), "{record:?}");
    assert_eq!(record["span"]["name"], "boundary");
}

#[tokio::test]
async fn innermost_of_nested_boundaries_reports_a_panic() {
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
fn panic_of_a_sync_function_is_reported() {
    const LINE: u32 = line!() + 3;
    #[boundary]
    fn sums(numbers: &[u8]) -> Result<u8, UserError> {
        Ok(numbers[0] + numbers[7])
    }
    let records = Records::capture();
    std::panic::catch_unwind(|| sums(&[1])).unwrap_err();
    assert_panic(&records, "sums", LINE);
}

#[tokio::test]
async fn boundary_in_a_drop_during_a_panic_keeps_the_panic_location() {
    struct Cleaned;

    impl Drop for Cleaned {
        fn drop(&mut self) {
            Boundary::new("clean").call(|| Ok::<_, UserError>(())).unwrap();
        }
    }

    const LINE: u32 = line!() + 4;
    #[boundary]
    async fn cleans_up() -> Result<(), UserError> {
        let _cleaned = Cleaned;
        panic!("on the way")
    }
    let records = Records::capture();
    tokio::spawn(cleans_up()).await.unwrap_err();
    assert_panic(&records, "cleans_up", LINE);
}
