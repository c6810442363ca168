use std::time::{Duration, SystemTime};

use resilience::dead_letter::{Letter, LetterFailure, Payload, Reason};
use resilience_dead_letters::{Filter, Outcome, ReplayStore, State, StoredLetter};

use super::on_each_store;
use crate::support::{failed_with, letter};

on_each_store!(
    every_field_comes_back,
    repeats_are_added_to_the_open_letter,
    replayed_key_can_be_stored_again,
    letters_without_a_key_are_never_merged,
    concurrent_repeats_are_stored_once,
    concurrent_letters_are_all_stored,
);

pub(super) async fn only(store: &impl ReplayStore) -> StoredLetter {
    let mut letters = store.list(&Filter::all(), State::Any, None, 10).await.expect("letters");
    assert_eq!(letters.len(), 1, "{letters:?}");
    letters.remove(0)
}

async fn every_field_comes_back(store: &impl ReplayStore) {
    for (index, reason) in Reason::ALL.into_iter().enumerate() {
        let queue = format!("queue {index}");
        let mut failure = LetterFailure::new("CODE", None, "a::Type", "what went wrong");
        failure.causes = Some("[\"a cause\"]".to_owned());
        let mut letter = Letter::new(&*queue, Payload::new([0, 159], "x/y"), reason, failure);
        let second = SystemTime::UNIX_EPOCH + Duration::from_micros(1_700_000_000_000_001);
        letter.attempts = u32::MAX;
        letter.first_failure = second;
        letter.last_failure = second + Duration::from_secs(3600);
        letter.request_id = Some("request".to_owned());
        letter.trace_parent = Some("00-1-2-01".to_owned());
        letter.dedupe_key = Some("key".to_owned());
        letter.metadata.insert("header".to_owned(), "value".to_owned());

        let before = store.now().await.expect("a time");
        let id = store.store(&letter).await.expect("stored").id;
        let listed =
            store.list(&Filter::queue(queue), State::Open, None, 10).await.expect("letters");
        let [stored] = listed.as_slice() else { panic!("{listed:?}") };
        assert_eq!((stored.id, &stored.letter), (id, &letter));
        assert!(stored.created_at >= before, "{:?} {before:?}", stored.created_at);
        assert_eq!((stored.replays, stored.is_open()), (0, true));
    }
}

async fn repeats_are_added_to_the_open_letter(store: &impl ReplayStore) {
    let mut first = failed_with("orders", "FIRST");
    first.dedupe_key = Some("order 7".to_owned());
    first.attempts = 3;
    let mut again = failed_with("orders", "SECOND");
    again.dedupe_key = first.dedupe_key.clone();
    again.attempts = 4;
    again.last_failure = SystemTime::UNIX_EPOCH + Duration::from_secs(1_900_000_000);
    let mut elsewhere = letter("returns");
    elsewhere.dedupe_key = first.dedupe_key.clone();

    let stored = store.store(&first).await.expect("stored");
    let repeat = store.store(&again).await.expect("stored");
    assert_eq!((stored.is_repeat, repeat.is_repeat, repeat.id), (false, true, stored.id));
    assert!(!store.store(&elsewhere).await.expect("stored").is_repeat);

    let listed = store.list(&Filter::id(stored.id), State::Any, None, 10).await.expect("letters");
    let known = &listed[0].letter;
    assert_eq!((known.attempts, &*known.failure.code), (7, "SECOND"));
    assert_eq!(known.last_failure, again.last_failure);
    let trail = store.trail(stored.id).await.expect("a trail");
    assert_eq!((&*trail[0].action, trail[0].note.as_deref()), ("repeated", Some("SECOND")));
}

async fn replayed_key_can_be_stored_again(store: &impl ReplayStore) {
    let mut letter = letter("orders");
    letter.dedupe_key = Some("order 7".to_owned());
    let first = store.store(&letter).await.expect("stored");
    let claimed = super::claims::claim_one(store).await.expect("a letter");
    assert!(store.finish(&claimed, &Outcome::Replayed).await.expect("finished"));
    let second = store.store(&letter).await.expect("stored");
    assert!(!second.is_repeat && second.id != first.id, "{second:?}");

    store.discard(&Filter::id(second.id), "me", "because").await.expect("discarded");
    assert!(!store.store(&letter).await.expect("stored").is_repeat);
}

async fn letters_without_a_key_are_never_merged(store: &impl ReplayStore) {
    let letter = letter("orders");
    let first = store.store(&letter).await.expect("stored");
    let second = store.store(&letter).await.expect("stored");
    assert!(first.id != second.id && !second.is_repeat);
    assert_eq!(store.count(&Filter::queue("orders"), State::Open).await.expect("a number"), 2);
}

async fn concurrent_repeats_are_stored_once(store: &impl ReplayStore) {
    let mut letter = letter("orders");
    letter.dedupe_key = Some("order 7".to_owned());
    let stored = futures_util::future::join_all((0..40).map(|_| store.store(&letter))).await;
    let new = stored.into_iter().filter(|stored| !stored.as_ref().expect("stored").is_repeat);
    assert_eq!(new.count(), 1);
    assert_eq!(only(store).await.letter.attempts, 40);
}

async fn concurrent_letters_are_all_stored(store: &impl ReplayStore) {
    let letters: Vec<_> = (0..1000).map(|n| failed_with("orders", &format!("CODE_{n}"))).collect();
    let stored = futures_util::future::join_all(letters.iter().map(|it| store.store(it))).await;
    for (letter, stored) in letters.iter().zip(stored) {
        let filter = Filter::id(stored.expect("stored").id);
        let found = store.list(&filter, State::Open, None, 2).await.expect("letters");
        assert_eq!((found.len(), &found[0].letter.failure.code), (1, &letter.failure.code));
    }
}
