use std::time::Duration;

use resilience::dead_letter::Reason;
use resilience_dead_letters::{Filter, Outcome, ReplayStore, State};

use super::claims::claim_one;
use super::on_each_store;
use crate::support::{MINUTE, letter};

on_each_store!(discarded_letter_stays_with_its_reason, open_letters_are_never_purged);

async fn discarded_letter_stays_with_its_reason(store: &impl ReplayStore) {
    let id = store.store(&letter("orders")).await.expect("stored").id;
    let other = store.store(&letter("other")).await.expect("stored").id;
    let discarded = store.discard(&Filter::queue("orders"), "ana", "sent by hand").await;
    assert_eq!(discarded.expect("an answer"), 1);
    let letters = store.list(&Filter::all(), State::Discarded, None, 9).await.expect("letters");
    assert_eq!((letters.len(), letters[0].id), (1, id));
    assert_eq!(letters[0].closed_by.as_deref(), Some("ana"));
    assert_eq!(letters[0].closed_why.as_deref(), Some("sent by hand"));
    assert_eq!(store.trail(id).await.expect("a trail")[0].action, "discarded");
    assert_eq!(claim_one(store).await.expect("the other").stored.id, other);
    assert!(claim_one(store).await.is_none());
}

async fn open_letters_are_never_purged(store: &impl ReplayStore) {
    for _ in 0..3 {
        store.store(&letter("orders")).await.expect("stored");
    }
    let mut expired = letter("orders");
    expired.reason = Reason::Expired;
    store.store(&expired).await.expect("stored");
    let replayed = claim_one(store).await.expect("a letter");
    store.finish(&replayed, &Outcome::Replayed).await.expect("finished");
    let discarded = claim_one(store).await.expect("a letter");
    store.finish(&discarded, &Outcome::Released).await.expect("finished");
    store.discard(&Filter::id(discarded.stored.id), "me", "why").await.expect("discarded");

    assert_eq!(store.purge(&Filter::all(), MINUTE).await.expect("an answer"), 0);
    assert_eq!(store.purge(&Filter::queue("other"), Duration::ZERO).await.expect("an answer"), 0);
    assert_eq!(store.purge(&Filter::all(), Duration::ZERO).await.expect("an answer"), 3);
    assert_eq!(store.count(&Filter::all(), State::Any).await.expect("a number"), 1);
    assert_eq!(store.count(&Filter::all(), State::Open).await.expect("a number"), 1);
    assert!(store.trail(replayed.stored.id).await.expect("a trail").is_empty());
}
