use std::time::Duration;

use resilience::dead_letter::{LetterFailure, LetterId};
use resilience_dead_letters::{Claim, Claimed, Filter, Outcome, ReplayStore, State};

use super::on_each_store;
use super::storing::only;
use crate::support::{MINUTE, letter};

on_each_store!(
    claimed_letter_is_hidden,
    oldest_is_claimed_first,
    ended_lease_gives_the_letter_to_another,
    renewed_lease_keeps_the_letter,
    failed_replay_opens_the_letter_with_its_new_failure,
    released_letter_counts_no_replay,
    letter_is_claimed_at_most_so_often,
    concurrent_claims_never_share_a_letter,
);

pub(super) fn all() -> Claim {
    let mut claim = Claim::new(Filter::all(), "worker");
    claim.limit = 100;
    claim.lease = MINUTE;
    claim
}

pub(super) async fn claim_one(store: &impl ReplayStore) -> Option<Claimed> {
    let claim = Claim::new(Filter::all(), "worker");
    store.claim(&claim).await.expect("an answer").into_iter().next()
}

fn ids(claimed: &[Claimed]) -> Vec<LetterId> {
    claimed.iter().map(|claimed| claimed.stored.id).collect()
}

/// A claim whose lease has ended as soon as it is made.
fn ended() -> Claim {
    let mut claim = all();
    claim.lease = Duration::ZERO;
    claim
}

async fn claimed_letter_is_hidden(store: &impl ReplayStore) {
    let id = store.store(&letter("orders")).await.expect("stored").id;
    assert_eq!(ids(&store.claim(&all()).await.expect("claimed")), [id]);
    assert!(store.claim(&all()).await.expect("an answer").is_empty());
    assert_eq!(store.discard(&Filter::all(), "me", "why").await.expect("an answer"), 0);
    assert_eq!(store.count(&Filter::all(), State::Open).await.expect("a number"), 1);
}

async fn oldest_is_claimed_first(store: &impl ReplayStore) {
    let mut stored = Vec::new();
    for _ in 0..5 {
        stored.push(store.store(&letter("orders")).await.expect("stored").id);
    }
    let mut claim = all();
    claim.limit = 3;
    let first = store.claim(&claim).await.expect("claimed");
    assert_eq!(ids(&first), stored[..3]);
    let last = first[2].stored.place();
    for claimed in &first {
        assert!(store.finish(claimed, &Outcome::Released).await.expect("released"));
    }
    claim.after = Some(last);
    assert_eq!(ids(&store.claim(&claim).await.expect("claimed")), stored[3..]);
}

async fn ended_lease_gives_the_letter_to_another(store: &impl ReplayStore) {
    store.store(&letter("orders")).await.expect("stored");
    let late = store.claim(&ended()).await.expect("claimed").remove(0);
    let next = store.claim(&all()).await.expect("claimed").remove(0);
    assert_eq!(next.stored.replays, 2);

    for outcome in [Outcome::Replayed, Outcome::Released] {
        assert!(!store.finish(&late, &outcome).await.expect("an answer"), "it is too late");
    }
    assert!(!store.renew(&late, MINUTE).await.expect("an answer"));
    assert!(only(store).await.is_open());
    assert!(store.finish(&next, &Outcome::Replayed).await.expect("an answer"));
    assert!(!store.finish(&next, &Outcome::Replayed).await.expect("an answer"), "only once");
    let replayed = only(store).await;
    assert!(replayed.replayed_at.is_some());
    assert_eq!(replayed.closed_by.as_deref(), Some("worker"));

    let trail = store.trail(replayed.id).await.expect("a trail");
    let actions: Vec<_> = trail.iter().map(|entry| &*entry.action).collect();
    assert_eq!(actions, ["claimed", "claimed", "replayed"]);
}

async fn renewed_lease_keeps_the_letter(store: &impl ReplayStore) {
    store.store(&letter("orders")).await.expect("stored");
    let claimed = store.claim(&ended()).await.expect("claimed").remove(0);
    assert!(store.renew(&claimed, MINUTE).await.expect("an answer"));
    assert!(store.claim(&all()).await.expect("an answer").is_empty());
    assert!(store.finish(&claimed, &Outcome::Replayed).await.expect("an answer"));
    assert!(!store.renew(&claimed, MINUTE).await.expect("an answer"));
}

async fn failed_replay_opens_the_letter_with_its_new_failure(store: &impl ReplayStore) {
    store.store(&letter("orders")).await.expect("stored");
    let claimed = store.claim(&all()).await.expect("claimed").remove(0);
    let failure = LetterFailure::new("OTHER", None, "other::Type", "a NUL: \0");
    let wait = Some(MINUTE);
    let outcome = Outcome::Failed { failure: failure.clone(), next_redrive: wait };
    assert!(store.finish(&claimed, &outcome).await.expect("an answer"));
    let open = only(store).await;
    assert_eq!((open.letter.failure, open.letter.attempts, open.replays), (failure, 2, 1));

    let mut due = all();
    due.only_due = true;
    assert!(store.claim(&due).await.expect("an answer").is_empty(), "its redrive isn't due");
    assert_eq!(store.claim(&all()).await.expect("an answer").len(), 1);
}

async fn released_letter_counts_no_replay(store: &impl ReplayStore) {
    store.store(&letter("orders")).await.expect("stored");
    let claimed = store.claim(&all()).await.expect("claimed").remove(0);
    assert!(store.finish(&claimed, &Outcome::Released).await.expect("an answer"));
    assert_eq!(only(store).await.replays, 0);
}

async fn letter_is_claimed_at_most_so_often(store: &impl ReplayStore) {
    store.store(&letter("orders")).await.expect("stored");
    let mut claim = ended();
    claim.max_replays = 3;
    for _ in 0..3 {
        assert_eq!(store.claim(&claim).await.expect("claimed").len(), 1);
    }
    assert!(store.claim(&claim).await.expect("an answer").is_empty());
}

async fn concurrent_claims_never_share_a_letter(store: &impl ReplayStore) {
    for _ in 0..60 {
        store.store(&letter("orders")).await.expect("stored");
    }
    let mut claim = all();
    claim.limit = 10;
    let claims = futures_util::future::join_all((0..8).map(|_| store.claim(&claim))).await;
    let mut claimed: Vec<_> =
        claims.into_iter().flat_map(|claimed| ids(&claimed.expect("claimed"))).collect();
    claimed.extend(ids(&store.claim(&all()).await.expect("claimed")));
    claimed.sort_unstable();
    claimed.dedup();
    assert_eq!(claimed.len(), 60);
    assert!(store.claim(&all()).await.expect("an answer").is_empty());
}
