//! Arguments: owned, borrowed, patterns, generics.

use std::cell::Cell;
use std::fmt::Display;

use resilience::{circuit_breaker, degrade, retry, secs, timeout};

use super::support::{Callee, ShopError, hang, is_send};

#[timeout("5s")]
#[circuit_breaker]
async fn moved(text: String, bytes: Vec<u8>) -> Result<(String, usize), ShopError> {
    drop(bytes.into_iter().rev().collect::<Vec<_>>());
    Ok((text, 1))
}

#[tokio::test(start_paused = true)]
async fn owned_arguments_move_into_a_body_that_runs_once() {
    assert_eq!(moved("a".to_owned(), vec![1]).await, Ok(("a".to_owned(), 1)));
}

#[circuit_breaker]
fn moved_without_async(text: String) -> Result<String, ShopError> {
    Ok(text)
}

#[test]
fn owned_arguments_move_into_a_sync_body() {
    assert_eq!(moved_without_async("a".to_owned()), Ok("a".to_owned()));
}

#[retry(idempotent, clone(order))]
#[timeout("5s")]
async fn cloned(callee: &Callee, order: String) -> Result<String, ShopError> {
    fn send(callee: &Callee, order: String) -> impl Future<Output = Result<String, ShopError>> {
        std::future::ready(callee.call().map(|call| order + &call.to_string()))
    }
    send(callee, order).await
}

#[retry(idempotent, clone(lines))]
#[timeout("5s", clone(lines, note))]
async fn cloned_and_changed(
    callee: &Callee,
    mut lines: Vec<u32>,
    note: String,
) -> Result<(Vec<u32>, String), ShopError> {
    lines.push(callee.calls());
    callee.call()?;
    Ok((lines, note))
}

#[allow(clippy::needless_pass_by_value, reason = "the attribute clones it")]
#[retry(idempotent, base = "0s", jitter = "none", clone(order), blocking)]
fn cloned_without_async(callee: &Callee, order: String) -> Result<String, ShopError> {
    callee.call().map(|_| order)
}

#[tokio::test(start_paused = true)]
async fn clone_option_gives_each_attempt_a_copy() {
    assert_eq!(cloned(&Callee::answering_at(2), "order".to_owned()).await, Ok("order2".to_owned()));
    let changed = cloned_and_changed(&Callee::answering_at(3), vec![9], "note".to_owned()).await;
    assert_eq!(
        changed,
        Ok((vec![9, 2], "note".to_owned())),
        "only the last attempt's change is in the copy it returns"
    );
    assert_eq!(
        cloned_without_async(&Callee::answering_at(3), "order".to_owned()),
        Ok("order".to_owned())
    );
}

#[retry(idempotent)]
#[timeout("5s")]
async fn changed(callee: &Callee, mut lines: Vec<u32>) -> Result<Vec<u32>, ShopError> {
    lines.push(callee.calls());
    callee.call()?;
    Ok(lines.clone())
}

#[retry(idempotent)]
#[timeout("5s")]
async fn changed_by_reference(callee: &Callee, lines: &mut Vec<u32>) -> Result<usize, ShopError> {
    lines.push(callee.calls());
    callee.call()?;
    Ok(lines.len())
}

#[tokio::test(start_paused = true)]
async fn mutable_argument_keeps_its_changes_between_attempts() {
    assert_eq!(changed(&Callee::answering_at(3), vec![]).await, Ok(vec![0, 1, 2]));
    let mut lines = vec![];
    assert_eq!(changed_by_reference(&Callee::answering_at(2), &mut lines).await, Ok(2));
    assert_eq!(lines, [0, 1]);
}

struct Order<'a> {
    callee: &'a Callee,
    items: [u32; 3],
}

struct Json<T>(T);

#[degrade(fallback = factor + first)]
#[retry(idempotent, attempts = factor)]
#[timeout("5s")]
async fn patterns(
    Order { callee, items: [first, .., last] }: Order<'_>,
    (factor, _): (u32, &str),
    Json(more): Json<u32>,
    _: u8,
    &borrowed: &u32,
    whole @ (left, _): (u32, u32),
) -> Result<u32, ShopError> {
    callee.call().map(|call| call * factor + first + last + more + borrowed + left + whole.1)
}

#[tokio::test(start_paused = true)]
async fn arguments_may_be_patterns() {
    let callee = Callee::answering_at(2);
    let order = Order { callee: &callee, items: [1, 2, 3] };
    assert_eq!(
        patterns(order, (10, ""), Json(100), 0, &1000, (7, 8)).await,
        Ok(20 + 1 + 3 + 100 + 1000 + 7 + 8)
    );
    let down = Callee::answering_at(0);
    let order = Order { callee: &down, items: [1, 2, 3] };
    assert_eq!(
        patterns(order, (4, ""), Json(0), 0, &0, (0, 0)).await,
        Ok(5),
        "the fallback sees them too"
    );
    assert_eq!(down.calls(), 4);
}

#[retry(idempotent)]
#[timeout("5s")]
async fn generic<T, const N: usize>(
    callee: &Callee,
    value: &T,
    array: [u32; N],
) -> Result<String, ShopError>
where
    T: Display + Sync + ?Sized,
{
    callee.call().map(|call| format!("{value} {} {call}", array.len()))
}

#[retry(idempotent)]
#[circuit_breaker(shared, failure_threshold = 100)]
#[timeout("5s")]
async fn anonymous(callee: &Callee, scale: impl Fn(u32) -> u32 + Sync) -> Result<u32, ShopError> {
    callee.call().map(&scale)
}

#[retry(idempotent)]
#[timeout("5s")]
async fn lifetimes<'a, 'b: 'a>(
    callee: &'b Callee,
    text: &'a str,
) -> Result<(&'a str, &'b Callee), ShopError> {
    callee.call()?;
    Ok((text.trim(), callee))
}

#[tokio::test(start_paused = true)]
async fn generic_parameters_and_lifetimes_are_supported() {
    let (callee, text) = (Callee::answering_at(2), String::from(" text "));
    assert_eq!(generic(&callee, "a", [0; 4]).await.as_deref(), Ok("a 4 2"));
    assert_eq!(anonymous(&Callee::answering_at(3), |n| n * 10).await, Ok(30));
    let callee = Callee::answering_at(2);
    let (trimmed, same) = lifetimes(&callee, &text).await.expect("the second attempt succeeds");
    assert_eq!((trimmed, same.calls()), ("text", 2));
    assert_eq!(is_send(generic(&Callee::answering_at(1), "a", [])).await.as_deref(), Ok("a 0 1"));
    assert_eq!(is_send(anonymous(&Callee::answering_at(1), |n| n)).await, Ok(1));
}

#[timeout("5s")]
#[circuit_breaker]
async fn not_sync(cell: Cell<u32>) -> Result<u32, ShopError> {
    tokio::task::yield_now().await;
    cell.set(cell.get() + 1);
    Ok(cell.get())
}

#[tokio::test(start_paused = true)]
async fn send_but_not_sync_argument_is_fine_if_the_body_runs_once() {
    assert_eq!(tokio::spawn(not_sync(Cell::new(1))).await.expect("no panic"), Ok(2));
}

#[derive(Clone, Copy)]
struct Settings {
    attempts: u32,
    limit: std::time::Duration,
}

#[degrade(fallback = name.len())]
#[retry(idempotent, attempts = settings.attempts, base = settings.limit / 10, max_delay = settings.limit)]
#[timeout(settings.limit)]
async fn options_from_arguments(
    callee: &Callee,
    settings: Settings,
    name: &str,
) -> Result<usize, ShopError> {
    callee.call()?;
    hang().await;
    Ok(name.len())
}

#[tokio::test(start_paused = true)]
async fn options_may_use_arguments() {
    let callee = Callee::answering_at(2);
    let start = tokio::time::Instant::now();
    let settings = Settings { attempts: 2, limit: secs(3) };
    assert_eq!(options_from_arguments(&callee, settings, "four").await, Ok(4));
    assert_eq!(callee.calls(), 2);
    assert!((secs(3)..secs(4)).contains(&start.elapsed()), "{:?}", start.elapsed());
}

#[retry(idempotency_key = format!("{tenant}-{}", order.0))]
#[timeout("5s")]
async fn key_from_arguments(
    callee: &Callee,
    tenant: &str,
    order: (u32, String),
) -> Result<String, ShopError> {
    callee.call()?;
    Ok(resilience::context().idempotency_key().expect("the attribute gives one"))
}

#[tokio::test(start_paused = true)]
async fn idempotency_key_may_use_arguments() {
    let key = key_from_arguments(&Callee::answering_at(2), "acme", (7, String::new())).await;
    assert_eq!(key.as_deref(), Ok("acme-7"));
}
