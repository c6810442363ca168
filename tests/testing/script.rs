use std::panic::{AssertUnwindSafe, catch_unwind};

use resilience::errors::{RateLimited, ServiceUnavailable};
use resilience::testing::Script;
use resilience::{millis, secs};

fn panic_message(panics: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).expect("a text")
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(future)
}

#[tokio::test(start_paused = true)]
async fn outcomes_come_in_order() {
    let callee = Script::named("inventory")
        .fails(2)
        .answers(1)
        .fails_with(1, || ServiceUnavailable::new("other"))
        .answers_with(|| 2)
        .forever();
    assert_eq!(callee.calls(), 0);
    let mut texts = Vec::new();
    for _ in 0..7 {
        texts.push(callee.call().await.map_or_else(|error| error.to_string(), |n| n.to_string()));
    }
    let unavailable = "inventory is unavailable";
    assert_eq!(texts, [unavailable, unavailable, "1", "other is unavailable", "2", "2", "2"]);
    callee.assert_calls(7);
    callee.assert_exhausted();
}

#[tokio::test(start_paused = true)]
async fn delay_is_that_of_the_next_step_only() {
    let callee =
        Script::<_, ServiceUnavailable>::new().after(secs(1)).answers(1).answers(2).hangs();
    for _ in 0..2 {
        callee.call().await.unwrap();
    }
    assert!(tokio::time::timeout(secs(3600), callee.call()).await.is_err());
    assert_eq!(callee.gaps(), [secs(1), millis(0)]);
}

#[tokio::test]
async fn call_counts_when_it_is_polled() {
    let callee = Script::<_, ServiceUnavailable>::new().answers(1);
    let clone = callee.clone();
    drop(callee.call());
    assert_eq!(callee.calls(), 0);
    assert_eq!(clone.call().await.unwrap(), 1);
    assert_eq!(callee.calls(), 1);
}

#[test]
fn call_without_an_outcome_panics_and_says_so() {
    let callee =
        Script::<u32, _>::named("search").fails_with(3, || RateLimited::new("search")).answers(7);
    for _ in 0..4 {
        let _ = block_on(callee.call());
    }
    assert_eq!(
        panic_message(|| _ = block_on(callee.call())),
        "`search` was called 5 times, but its script has only 4 outcomes (fails 3 times, answers); \
         add what follows, or `forever()` to repeat the last outcome"
    );
    let empty = Script::<u32, ServiceUnavailable>::new();
    let message = panic_message(|| _ = block_on(empty.call()));
    assert!(message.starts_with("`callee` was called once, but its script is empty;"), "{message}");
    let once = Script::<u32, ServiceUnavailable>::new().fails(1);
    let _ = block_on(once.call());
    let message = panic_message(|| _ = block_on(once.call()));
    assert!(
        message.contains("called twice, but its script has only one outcome (fails);"),
        "{message}"
    );
}

#[test]
fn failed_assertions_have_the_numbers() {
    let callee = Script::<u32, ServiceUnavailable>::named("search").fails(3).answers(7);
    let _ = block_on(callee.call());
    assert_eq!(
        panic_message(|| callee.assert_calls(3)),
        "expected 3 calls of `search`, but there was 1"
    );
    assert_eq!(
        panic_message(|| callee.assert_exhausted()),
        "`search` was called once of the 4 times that its script has an outcome for: fails 3 times, \
         answers"
    );
}

#[test]
fn scripts_that_make_no_sense_panic() {
    let forever = || Script::<u32, ServiceUnavailable>::new().forever();
    assert!(panic_message(|| drop(forever())).contains("has none yet"));
    let follows = || Script::<u32, ServiceUnavailable>::new().answers(1).forever().answers(2);
    assert!(panic_message(|| drop(follows())).contains("nothing can follow"));
}

#[test]
fn scripted_panic_has_its_message() {
    let callee = Script::<u32, ServiceUnavailable>::new().panics("out of paper");
    assert_eq!(panic_message(|| _ = block_on(callee.call())), "out of paper");
    let text = format!("{callee:?}");
    assert!(text.contains("panics") && text.contains("calls: 1"), "{text}");
}

#[test]
fn futures_can_be_spawned() {
    fn is_spawnable<F: Send + 'static>(_: F) {}
    is_spawnable(Script::<u32, ServiceUnavailable>::new().call());
    is_spawnable(Script::<u32, ServiceUnavailable>::new());
}
