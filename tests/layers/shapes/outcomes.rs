//! Return types: aliases, `impl Trait`, boxes, foreign errors.

use std::fmt::Display;
use std::io;

use resilience::{Classification, Classify, Rejected, circuit_breaker, degrade, retry, timeout};

use super::support::{Callee, ShopError, hang};

#[retry(idempotent)]
#[timeout("5s")]
async fn opaque(callee: &Callee) -> Result<impl Display + use<>, ShopError> {
    callee.call().map(|call| format!("call {call}"))
}

#[retry(idempotent)]
#[circuit_breaker]
#[timeout("5s")]
async fn opaque_iterator(callee: &Callee) -> Result<impl Iterator<Item = u32> + '_, ShopError> {
    let call = callee.call()?;
    Ok((0..call).map(move |n| n + callee.calls()))
}

#[retry(idempotent)]
#[timeout("5s")]
async fn boxed(callee: &Callee) -> Result<Box<dyn Display + Send>, ShopError> {
    if callee.call()? == 2 { Ok(Box::new("two")) } else { Ok(Box::new(3)) }
}

#[tokio::test(start_paused = true)]
async fn opaque_and_boxed_values_are_supported() {
    assert_eq!(
        opaque(&Callee::answering_at(2)).await.map(|text| text.to_string()).as_deref(),
        Ok("call 2")
    );
    assert_eq!(
        opaque_iterator(&Callee::answering_at(2)).await.map(Iterator::collect::<Vec<_>>),
        Ok(vec![2, 3])
    );
    assert_eq!(
        boxed(&Callee::answering_at(2)).await.map(|text| text.to_string()).as_deref(),
        Ok("two")
    );
}

type Shop<T> = Result<T, ShopError>;
type Answer = Result<u32, ShopError>;

#[degrade(fallback = 0)]
#[retry(idempotent)]
#[circuit_breaker]
#[timeout("5s")]
async fn alias(callee: &Callee) -> Shop<u32> {
    callee.call()
}

#[retry(idempotent)]
#[circuit_breaker]
#[timeout("5s")]
async fn alias_without_arguments(callee: &Callee) -> Answer {
    callee.call()
}

#[retry(idempotent)]
#[timeout("5s")]
async fn alias_of_something_opaque(callee: &Callee) -> Shop<impl Display + use<>> {
    callee.call()
}

#[retry(idempotent)]
#[timeout("5s")]
async fn by_its_full_name(callee: &Callee) -> ::core::result::Result<u32, ShopError> {
    callee.call()
}

#[tokio::test(start_paused = true)]
async fn type_aliases_of_result_are_supported() {
    assert_eq!(alias(&Callee::answering_at(2)).await, Ok(2));
    assert_eq!(alias_without_arguments(&Callee::answering_at(2)).await, Ok(2));
    assert_eq!(
        alias_of_something_opaque(&Callee::answering_at(2)).await.map(|n| n.to_string()).as_deref(),
        Ok("2")
    );
    assert_eq!(by_its_full_name(&Callee::answering_at(2)).await, Ok(2));
}

fn by_kind(error: &io::Error) -> Classification {
    match error.kind() {
        io::ErrorKind::TimedOut => Classification::transient("TIMED_OUT"),
        _ => Classification::permanent("INPUT_OUTPUT"),
    }
}

#[retry(idempotent, classify = by_kind)]
#[circuit_breaker]
#[timeout("5s", rejected = |rejected| io::Error::new(io::ErrorKind::TimedOut, rejected))]
async fn foreign(callee: &Callee) -> io::Result<u32> {
    match callee.call() {
        Ok(call) => Ok(call),
        Err(_) if callee.calls() == 1 => {
            hang().await;
            Ok(0)
        }
        Err(error) => Err(io::Error::other(error)),
    }
}

#[tokio::test(start_paused = true)]
async fn foreign_errors_take_classify_and_rejected_options() {
    assert_eq!(foreign(&Callee::answering_at(2)).await.expect("the second attempt succeeds"), 2);
    let callee = Callee::answering_at(3);
    assert_eq!(
        foreign(&callee).await.expect_err("the second failure is final").kind(),
        io::ErrorKind::Other
    );
    assert_eq!(callee.calls(), 2);
}

#[retry(idempotent, classify = |error: &anyhow::Error| error.downcast_ref::<ShopError>().map_or(Classification::permanent("OTHER"), Classify::classify))]
#[timeout("5s")]
async fn dynamic(callee: &Callee) -> anyhow::Result<u32> {
    Ok(callee.call()?)
}

#[tokio::test(start_paused = true)]
async fn anyhow_result_takes_a_classify_option() {
    assert_eq!(dynamic(&Callee::answering_at(2)).await.expect("the second attempt succeeds"), 2);
    let error = dynamic(&Callee::answering_at(0)).await.expect_err("it is always busy");
    assert_eq!(error.downcast::<ShopError>().expect("the original error"), ShopError::Busy);
}

#[retry(idempotent)]
#[timeout("5s")]
async fn input_output(callee: &Callee) -> io::Result<u32> {
    match callee.call() {
        Ok(1) => {
            hang().await;
            Ok(0)
        }
        Ok(call) => Ok(call),
        Err(_) => Err(io::ErrorKind::ConnectionRefused.into()),
    }
}

#[retry(idempotent)]
#[timeout("5s")]
async fn anything(callee: &Callee) -> anyhow::Result<u32> {
    match callee.call() {
        Ok(1) => {
            hang().await;
            Ok(0)
        }
        Ok(call) => Ok(call),
        Err(_) => Err(io::Error::from(io::ErrorKind::ConnectionRefused).into()),
    }
}

#[retry(idempotent)]
#[timeout("5s")]
async fn boxed_error(callee: &Callee) -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
    match callee.call() {
        Ok(call) => Ok(call),
        Err(_) => Err(io::Error::from(io::ErrorKind::ConnectionRefused).into()),
    }
}

#[tokio::test(start_paused = true)]
async fn known_foreign_errors_need_no_options() {
    assert_eq!(
        input_output(&Callee::answering_at(3)).await.expect("the third attempt succeeds"),
        3
    );
    let timed_out = Callee::answering_at(1);
    assert_eq!(
        input_output(&timed_out).await.expect_err("later it refuses").kind(),
        io::ErrorKind::ConnectionRefused
    );
    assert_eq!(timed_out.calls(), 3);
    assert_eq!(anything(&Callee::answering_at(3)).await.expect("the third attempt succeeds"), 3);
    assert_eq!(
        boxed_error(&Callee::answering_at(2)).await.expect("the second attempt succeeds"),
        2
    );
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Generic<T: Display>(T);

impl<T: Display> Classify for Generic<T> {
    fn classify(&self) -> Classification {
        Classification::transient("GENERIC")
    }
}

impl<T: Display + From<&'static str>> From<Rejected> for Generic<T> {
    fn from(rejected: Rejected) -> Self {
        Self(rejected.service().into())
    }
}

#[retry(idempotent)]
#[timeout("5s")]
async fn generic_error<T>(callee: &Callee, tag: T) -> Result<u32, Generic<T>>
where
    T: Display + From<&'static str> + Clone,
{
    callee.call().map_err(|_| Generic(tag.clone()))
}

#[tokio::test(start_paused = true)]
async fn generic_error_type_is_supported() {
    assert_eq!(
        generic_error(&Callee::answering_at(2), String::new())
            .await
            .expect("the second attempt succeeds"),
        2
    );
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Borrowing<'a>(&'a str);

impl Classify for Borrowing<'_> {
    fn classify(&self) -> Classification {
        Classification::transient("BORROWING")
    }
}

impl From<Rejected> for Borrowing<'_> {
    fn from(rejected: Rejected) -> Self {
        Self(rejected.service())
    }
}

#[retry(idempotent, service = "lender")]
#[timeout("5s")]
async fn borrowing_error<'a>(callee: &Callee, text: &'a str) -> Result<&'a str, Borrowing<'a>> {
    match callee.call() {
        Ok(1) => Ok(text),
        Ok(_) => {
            hang().await;
            Ok("")
        }
        Err(_) => Err(Borrowing(text)),
    }
}

#[tokio::test(start_paused = true)]
async fn borrowing_error_type_is_supported() {
    let text = String::from("text");
    assert_eq!(
        borrowing_error(&Callee::answering_at(1), &text).await.expect("the first attempt succeeds"),
        "text"
    );
    assert_eq!(
        borrowing_error(&Callee::answering_at(0), &text).await.expect_err("it is always busy").0,
        "text"
    );
    assert_eq!(
        borrowing_error(&Callee::answering_at(3), &text).await.expect_err("it times out").0,
        "lender"
    );
}
