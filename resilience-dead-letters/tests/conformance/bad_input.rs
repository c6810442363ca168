use std::error::Error;

use resilience::dead_letter::{Letter, LetterFailure, Payload, Reason};
use resilience::{Category, Classify};
use resilience_dead_letters::{Filter, ReplayStore, State};

use super::on_each_store;
use super::storing::only;
use crate::support::letter;

on_each_store!(
    any_bytes_come_back,
    any_text_comes_back,
    large_payload_comes_back_or_is_refused,
    long_name_is_refused,
    long_error_is_cut,
);

async fn any_bytes_come_back(store: &impl ReplayStore) {
    let all: Vec<u8> = (0..=255).collect();
    for bytes in [&b""[..], b"\0", b"\xff\xfe\xc3\x28", &all] {
        let mut letter = letter("orders");
        letter.payload = Payload::new(bytes, "application/octet-stream");
        let id = store.store(&letter).await.expect("stored").id;
        let found = store.list(&Filter::id(id), State::Open, None, 1).await.expect("letters");
        assert_eq!(found[0].letter.payload, letter.payload);
    }
}

async fn any_text_comes_back(store: &impl ReplayStore) {
    let texts =
        ["", " ", "'; DROP TABLE dead_letters; --", "\"`\\%_?$1", "\0", "a\0b", "ä😀\u{10FFFF}"];
    for text in texts {
        let failure = LetterFailure::new(text, None, text, text);
        let mut letter = Letter::new(text, Payload::new("", text), Reason::Permanent, failure);
        letter.failure.causes = Some(text.to_owned());
        letter.request_id = Some(text.to_owned());
        letter.trace_parent = Some(text.to_owned());
        letter.dedupe_key = Some(text.to_owned());
        letter.metadata.insert(text.to_owned(), text.to_owned());
        assert!(!store.store(&letter).await.expect("stored").is_repeat, "{text:?}");
        let filter = Filter::queue(text).code(text).error_type(text);
        let found = store.list(&filter, State::Open, None, 2).await.expect("letters");
        assert_eq!(found.len(), 1, "{text:?}");
        letter.first_failure = found[0].letter.first_failure;
        letter.last_failure = found[0].letter.last_failure;
        assert_eq!(found[0].letter, letter);
    }
}

async fn large_payload_comes_back_or_is_refused(store: &impl ReplayStore) {
    let mut letter = letter("orders");
    letter.payload = Payload::new(vec![0x5a; 16 * 1024 * 1024], "application/octet-stream");
    match store.store(&letter).await {
        Ok(_) => assert!(only(store).await.letter.payload == letter.payload),
        Err(error) => {
            assert_eq!(error.classify().category(), Some(Category::Permanent));
            let source = error.source().expect("a source").to_string();
            assert!(source.contains("max_allowed_packet"), "{source}");
        }
    }
}

async fn long_name_is_refused(store: &impl ReplayStore) {
    let mut with_key = letter("orders");
    with_key.dedupe_key = Some("k".repeat(1025));
    for letter in [letter(&"q".repeat(1025)), with_key] {
        let error = store.store(&letter).await.expect_err("refused");
        assert_eq!(error.classify().code(), "DEAD_LETTER_REFUSED");
        let source = error.source().expect("a source").to_string();
        assert!(source.contains("has 1025 bytes; the longest that is stored has 1024"), "{source}");
    }
    let mut longest = letter(&"q".repeat(1024));
    longest.dedupe_key = Some("k".repeat(1024));
    store.store(&longest).await.expect("stored");
}

async fn long_error_is_cut(store: &impl ReplayStore) {
    let mut letter = letter("orders");
    letter.failure.message = "ä".repeat(100_000);
    let causes = vec!["cause".repeat(1000); 50];
    letter.failure.causes = Some(format!("[\"{}\"]", causes.join("\",\"")));
    store.store(&letter).await.expect("stored");
    let failure = only(store).await.letter.failure;
    assert!(failure.message.starts_with("ää") && failure.message.ends_with('…'));
    assert!(failure.message.len() <= 16 * 1024);
    let causes = failure.causes.expect("causes");
    assert!(causes.starts_with("[\"cause") && causes.ends_with("\"…\"]"), "{}", causes.len());
}
