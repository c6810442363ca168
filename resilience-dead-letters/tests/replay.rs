//! Whole replays, on each store.

use std::sync::Mutex;
use std::time::Duration;

use resilience::dead_letter::{LetterId, Reason};
use resilience::errors::{NotFound, ServiceUnavailable};
use resilience_dead_letters::{Filter, Replay, ReplayStore, State, Stopped};
use tokio::time::Instant;

use super::conformance::on_each_store;
use crate::support::{failed_with, letter};

on_each_store!(
    each_letter_is_replayed_once,
    failed_letter_is_tried_once_per_replay,
    same_code_in_a_row_stops,
    limit_leaves_the_rest,
    dry_run_changes_nothing,
    panic_leaves_the_letter_open,
    asked_replay_ends_after_its_running_letters,
    long_handler_keeps_its_lease,
    redrive_waits_before_the_next,
    two_replays_share_the_letters,
);

async fn fill(store: &impl ReplayStore, count: usize) -> Vec<LetterId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(store.store(&letter("orders")).await.expect("stored").id);
    }
    ids
}

async fn open(store: &impl ReplayStore) -> u64 {
    store.count(&Filter::all(), State::Open).await.expect("a number")
}

async fn each_letter_is_replayed_once(store: &impl ReplayStore) {
    let ids = fill(store, 30).await;
    store.store(&letter("other")).await.expect("stored");
    let seen = Mutex::new(Vec::new());
    let mut steps = 0;
    let replay = Replay::new(store, Filter::queue("orders"), "me").concurrency(7);
    let report = replay
        .on_progress(|_| steps += 1)
        .run(|stored| {
            seen.lock().expect("the ids").push(stored.id);
            async { Ok::<(), NotFound>(()) }
        })
        .await
        .expect("a report");
    assert_eq!((report.replayed, report.failed, report.lost, report.stopped), (30, 0, 0, None));
    assert_eq!(steps, 30);
    let mut seen = seen.into_inner().expect("the ids");
    seen.sort_unstable();
    let mut ids = ids;
    ids.sort_unstable();
    assert_eq!(seen, ids);
    assert_eq!(open(store).await, 1);
}

async fn failed_letter_is_tried_once_per_replay(store: &impl ReplayStore) {
    fill(store, 3).await;
    for round in 1..=3 {
        let replay = Replay::new(store, Filter::all(), "me").max_replays(2);
        let report =
            replay.run(|_| async { Err(NotFound::new("sku", "12")) }).await.expect("a report");
        assert_eq!(report.failed, if round <= 2 { 3 } else { 0 });
    }
    let letters = store.list(&Filter::all(), State::Open, None, 9).await.expect("letters");
    assert!(letters.iter().all(|stored| stored.letter.failure.code == "NOT_FOUND"));
    assert!(letters.iter().all(|stored| (stored.replays, stored.letter.attempts) == (2, 3)));
}

async fn same_code_in_a_row_stops(store: &impl ReplayStore) {
    fill(store, 9).await;
    let replay = Replay::new(store, Filter::all(), "me").stop_after(4);
    let report =
        replay.run(|_| async { Err(ServiceUnavailable::new("shop")) }).await.expect("a report");
    let code = report.codes.keys().next().expect("a code").clone();
    assert_eq!((report.failed, report.stopped), (4, Some(Stopped::SameCode(code))));
}

async fn limit_leaves_the_rest(store: &impl ReplayStore) {
    fill(store, 5).await;
    for (limit, stopped, left) in [(2, Some(Stopped::Limit), 3), (3, None, 0)] {
        let replay = Replay::new(store, Filter::all(), "me").limit(limit).concurrency(4);
        let report = replay.run(|_| async { Ok::<(), NotFound>(()) }).await.expect("a report");
        assert_eq!((report.replayed, report.stopped), (limit, stopped));
        assert_eq!(open(store).await, left);
    }
}

async fn dry_run_changes_nothing(store: &impl ReplayStore) {
    fill(store, 3).await;
    store.store(&failed_with("other", "X")).await.expect("stored");
    let replay = Replay::new(store, Filter::queue("orders"), "me");
    assert_eq!(replay.dry_run().await.expect("a number"), 3);
    assert_eq!(replay.limit(2).dry_run().await.expect("a number"), 2);
    assert_eq!(open(store).await, 4);
}

async fn panic_leaves_the_letter_open(store: &impl ReplayStore) {
    fill(store, 1).await;
    let replay = Replay::new(store, Filter::all(), "me");
    let report = replay
        .run(|stored| async move {
            assert!(stored.letter.queue.is_empty(), "no such queue");
            Ok::<(), NotFound>(())
        })
        .await
        .expect("a report");
    assert_eq!(report.codes.keys().collect::<Vec<_>>(), ["PANIC"]);
    let letters = store.list(&Filter::all(), State::Open, None, 9).await.expect("letters");
    let message = &letters[0].letter.failure.message;
    assert!(message.contains("the handler panicked: no such queue"), "{message}");
}

async fn asked_replay_ends_after_its_running_letters(store: &impl ReplayStore) {
    fill(store, 5).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stop = Mutex::new(Some(stop));
    let replay = Replay::new(store, Filter::all(), "me").until(async {
        let _ = stopped.await;
    });
    let report = replay
        .run(|_| {
            drop(stop.lock().expect("the sender").take());
            async { Ok::<(), NotFound>(()) }
        })
        .await
        .expect("a report");
    assert_eq!((report.replayed, report.stopped), (1, Some(Stopped::Asked)));
    assert_eq!(open(store).await, 4);
}

async fn long_handler_keeps_its_lease(store: &impl ReplayStore) {
    fill(store, 1).await;
    let lease = Duration::from_millis(1500);
    let first = Replay::new(store, Filter::all(), "first").lease(lease);
    let began = Instant::now();
    let first = first.run(|_| async {
        // Until another worker has found it claimed long after the first lease has ended.
        while began.elapsed() < lease * 2 {
            tokio::time::sleep(lease / 10).await;
            let claim = resilience_dead_letters::Claim::new(Filter::all(), "second");
            assert!(store.claim(&claim).await.expect("an answer").is_empty());
        }
        Ok::<(), NotFound>(())
    });
    assert_eq!(first.await.expect("a report").replayed, 1);
}

async fn redrive_waits_before_the_next(store: &impl ReplayStore) {
    fill(store, 1).await;
    let hour = Duration::from_secs(3600);
    for failed in [1, 0] {
        let filter = Filter::all().reason(Reason::Exhausted);
        let replay = Replay::new(store, filter, "redrive").redrive(hour, hour * 24);
        let report =
            replay.run(|_| async { Err(NotFound::new("sku", "12")) }).await.expect("a report");
        assert_eq!(report.failed, failed);
    }
}

async fn two_replays_share_the_letters(store: &impl ReplayStore) {
    fill(store, 100).await;
    let run = || {
        let replay = Replay::new(store, Filter::all(), "me").concurrency(4);
        replay.run(|_| async { Ok::<(), NotFound>(()) })
    };
    let (one, other) = tokio::join!(run(), run());
    let (one, other) = (one.expect("a report"), other.expect("a report"));
    assert_eq!((one.replayed + other.replayed, one.lost + other.lost), (100, 0));
    assert_eq!(open(store).await, 0);
}
