//! Every shape of function that can be annotated.

use std::cell::Cell;
use std::fmt::Display;
use std::future::Future;

use async_trait::async_trait;
use resilience::{boundary, retry};

use super::{UserError, only_report};
use resilience_test_support::Records;

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
    #[retry(idempotent, attempts = 2, base = "1ms", external_timeout)]
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

/// `Cell` is `Send` but not `Sync`: a body that runs once takes its arguments.
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
async fn boundary_works_on_every_shape_of_function() {
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
async fn async_trait_method_reports_once() {
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
fn boundary_future_is_little_larger_than_the_work() {
    let (ours, bare) = (size_of_val(&under_boundary([0; 16])), size_of_val(&bare([0; 16])));
    // The argument a second time, and the boundary itself.
    assert!(ours <= bare + 128 + 64, "{ours} bytes, bare {bare}");
}
