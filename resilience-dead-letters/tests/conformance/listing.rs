use std::collections::BTreeSet;

use resilience::dead_letter::{LetterFailure, LetterId, Reason};
use resilience_dead_letters::{Filter, ReplayStore, State};

use super::on_each_store;
use crate::support::{MINUTE, failed_with, letter};

on_each_store!(each_condition_narrows, pages_have_each_letter_once, depths_are_by_queue_and_code);

async fn found(store: &impl ReplayStore, filter: Filter) -> BTreeSet<LetterId> {
    let letters = store.list(&filter, State::Open, None, 100).await.expect("letters");
    assert_eq!(store.count(&filter, State::Open).await.expect("a number"), letters.len() as u64);
    letters.into_iter().map(|stored| stored.id).collect()
}

async fn each_condition_narrows(store: &impl ReplayStore) {
    let one = store.store(&letter("orders")).await.expect("stored").id;
    let mut other = failed_with("orders", "OTHER");
    other.reason = Reason::Poison;
    let other = store.store(&other).await.expect("stored").id;
    let mut third = letter("orders ");
    third.failure = LetterFailure::new("OTHER", None, "other::Type", "text");
    let third = store.store(&third).await.expect("stored").id;

    assert_eq!(found(store, Filter::all()).await, [one, other, third].into());
    assert_eq!(found(store, Filter::queue("orders")).await, [one, other].into());
    assert_eq!(found(store, Filter::queue("orders ")).await, [third].into());
    assert_eq!(found(store, Filter::queue("ORDERS")).await, [].into());
    assert_eq!(found(store, Filter::all().code("OTHER")).await, [other, third].into());
    assert_eq!(found(store, Filter::queue("orders").code("OTHER")).await, [other].into());
    assert_eq!(found(store, Filter::all().error_type("other::Type")).await, [third].into());
    assert_eq!(found(store, Filter::all().reason(Reason::Poison)).await, [other].into());
    assert_eq!(found(store, Filter::ids([third, one])).await, [one, third].into());
    assert_eq!(found(store, Filter::ids([])).await, [].into());
    assert_eq!(found(store, Filter::id(LetterId::new())).await, [].into());
    assert_eq!(found(store, Filter::all().at_least(MINUTE)).await, [].into());
    assert_eq!(found(store, Filter::all().at_most(MINUTE)).await.len(), 3);
}

async fn pages_have_each_letter_once(store: &impl ReplayStore) {
    let letters: Vec<_> = (0..25).map(|_| letter("orders")).collect();
    let stored = futures_util::future::join_all(letters.iter().map(|it| store.store(it))).await;
    let stored: BTreeSet<_> = stored.into_iter().map(|stored| stored.expect("stored").id).collect();
    let (mut seen, mut last) = (Vec::new(), None);
    loop {
        let filter = Filter::queue("orders");
        let page = store.list(&filter, State::Open, last, 10).await.expect("letters");
        seen.extend(page.iter().map(|stored| stored.id));
        match page.into_iter().next_back() {
            Some(stored) => last = Some(stored.place()),
            None => break,
        }
    }
    assert_eq!(seen.len(), 25);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), stored);
}

async fn depths_are_by_queue_and_code(store: &impl ReplayStore) {
    assert!(store.depths().await.expect("numbers").is_empty());
    for (queue, code) in [("b", "X"), ("a", "X"), ("a", "Y"), ("a", "X")] {
        store.store(&failed_with(queue, code)).await.expect("stored");
    }
    let discarded = store.store(&letter("c")).await.expect("stored").id;
    store.discard(&Filter::id(discarded), "me", "why").await.expect("discarded");
    let depths = store.depths().await.expect("numbers");
    let numbers: Vec<_> =
        depths.iter().map(|depth| (&*depth.queue, &*depth.code, depth.letters)).collect();
    assert_eq!(numbers, [("a", "X", 2), ("a", "Y", 1), ("b", "X", 1)]);
    let oldest = store.list(&Filter::queue("a"), State::Any, None, 1).await.expect("letters");
    assert_eq!(depths[0].oldest, oldest[0].created_at);
}
