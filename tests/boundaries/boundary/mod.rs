//! `#[boundary]`: one record for a failure, and a context for the work.

mod axum_option;
mod context;
mod foreign_errors;
mod layers;
mod panics;
mod reporting;
mod shapes;

use resilience::{Rejected, RequestContext, ServiceError, boundary, request::RequestId};
use resilience_test_support::{Record, Records};

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

fn current_id() -> Option<RequestId> {
    RequestContext::current().map(|context| context.request_id().clone())
}

#[boundary(operation = "get_user", user = id)]
async fn get_user(id: u64) -> Result<u64, UserError> {
    if id == 0 { Err(UserError::Unknown(id)) } else { Ok(id) }
}

const LINE_OF_GET_USER: u32 = line!() - 5;

#[boundary(operation = "import")]
fn import(row: &str) -> Result<u8, UserError> {
    assert!(current_id().is_some());
    row.parse().map_err(|_| UserError::Unknown(1))
}
