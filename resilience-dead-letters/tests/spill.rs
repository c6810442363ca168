//! A file keeps letters while the store can't be reached.

use std::error::Error;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use resilience::Classify;
use resilience::dead_letter::{DeadLetterStore, Letter, StoreError, StoreFuture, Stored};
use resilience_dead_letters::{Filter, MemoryStore, ReplayStore, Spilling, State};
use resilience_test_support::databases::Scratch;

use crate::support::letter;

/// A store that can be switched off.
#[derive(Debug, Default)]
struct Switch {
    store: MemoryStore,
    is_off: AtomicBool,
    refuses: Mutex<Option<String>>,
}

impl Switch {
    fn off() -> Self {
        Self { is_off: true.into(), ..Self::default() }
    }

    async fn queues(&self) -> Vec<String> {
        let letters = self.store.list(&Filter::all(), State::Any, None, 100).await;
        letters.expect("letters").into_iter().map(|stored| stored.letter.queue).collect()
    }
}

impl DeadLetterStore for Switch {
    fn store<'a>(&'a self, letter: &'a Letter) -> StoreFuture<'a, Stored> {
        Box::pin(async move {
            if self.refuses.lock().expect("a name").as_ref() == Some(&letter.queue) {
                return Err(StoreError::refused("not this one"));
            }
            if self.is_off.load(Ordering::Relaxed) {
                return Err(StoreError::unavailable("it is off"));
            }
            self.store.store(letter).await
        })
    }
}

#[tokio::test]
async fn letters_wait_in_the_file_until_the_store_is_back() {
    let scratch = Scratch::new();
    let path = scratch.path().join("spill");
    let letters = Spilling::open(Switch::off(), &path).await.expect("a file");
    let mut first = letter("first");
    first.payload.bytes = vec![0, 255, 0xc3];
    first.metadata.insert("header".to_owned(), "value".to_owned());
    letters.store(&first).await.expect("spilled");
    letters.store(&letter("second")).await.expect("spilled");
    assert!(letters.drain().await.is_err());
    assert!(letters.spilled_bytes() > 0);

    let switch = letters.store_behind();
    switch.is_off.store(false, Ordering::Relaxed);
    assert_eq!(letters.drain().await.expect("drained"), 0);
    assert_eq!(switch.queues().await, ["first", "second"]);
    assert_eq!((letters.spilled_bytes(), fs::metadata(&path).expect("a file").len()), (0, 0));
    let stored = switch.store.list(&Filter::queue("first"), State::Any, None, 9).await;
    let mut stored = stored.expect("letters").remove(0).letter;
    assert!(stored.metadata.remove("spill_id").is_some());
    assert_eq!((&stored.payload, &stored.metadata), (&first.payload, &first.metadata));
    assert_eq!((&stored.failure, stored.reason), (&first.failure, first.reason));
}

#[tokio::test(start_paused = true)]
async fn file_is_drained_in_the_background_after_a_restart() {
    let scratch = Scratch::new();
    let path = scratch.path().join("spill");
    let letters = Spilling::open(Switch::off(), &path).await.expect("a file");
    letters.store(&letter("orders")).await.expect("spilled");
    drop(letters);

    let letters = loop {
        // The background task may hold the file for a moment.
        match Spilling::open(Switch::default(), &path).await {
            Ok(letters) => break letters,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    while letters.spilled_bytes() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(letters.store_behind().queues().await, ["orders"]);
}

#[tokio::test]
async fn file_torn_at_any_byte_keeps_the_records_before() {
    let scratch = Scratch::new();
    let path = scratch.path().join("spill");
    let letters = Spilling::open(Switch::off(), &path).await.expect("a file");
    letters.store(&letter("first")).await.expect("spilled");
    let first = usize::try_from(letters.spilled_bytes()).expect("small");
    letters.store(&letter("second")).await.expect("spilled");
    let whole = fs::read(&path).expect("a file");

    for end in 0..=whole.len() {
        for zeros in [0, whole.len() - end] {
            let torn = scratch.path().join(format!("torn {end} {zeros}"));
            let mut bytes = whole[..end].to_vec();
            bytes.resize(end + zeros, 0);
            // A record whose end is zeros anyway isn't torn.
            let expected = match &bytes {
                bytes if bytes.starts_with(&whole) => 2,
                bytes if bytes.starts_with(&whole[..first]) => 1,
                _ => 0,
            };
            fs::write(&torn, &bytes).expect("a file");
            let letters = Spilling::open(Switch::default(), &torn).await.expect("a file");
            assert_eq!(letters.drain().await.expect("drained"), 0);
            assert_eq!(letters.store_behind().queues().await.len(), expected, "{end} {zeros}");
            fs::remove_file(&torn).expect("a file");
        }
    }
}

#[tokio::test]
async fn damage_before_other_records_is_an_error() {
    let scratch = Scratch::new();
    let path = scratch.path().join("spill");
    let letters = Spilling::open(Switch::off(), &path).await.expect("a file");
    letters.store(&letter("first")).await.expect("spilled");
    letters.store(&letter("second")).await.expect("spilled");
    let mut bytes = fs::read(&path).expect("a file");
    bytes[20] ^= 1;
    let damaged = scratch.path().join("damaged");
    fs::write(&damaged, &bytes).expect("a file");
    let error = Spilling::open(Switch::default(), &damaged).await.expect_err("damaged");
    assert!(error.to_string().contains("byte 0 is damaged, and others follow"), "{error}");
    assert_eq!(fs::read(&damaged).expect("a file"), bytes, "nothing is cut off");
}

#[tokio::test]
async fn file_has_one_owner() {
    let scratch = Scratch::new();
    let path = scratch.path().join("spill");
    let _owner = Spilling::open(Switch::off(), &path).await.expect("a file");
    let error = Spilling::open(Switch::off(), &path).await.expect_err("in use");
    assert!(error.to_string().contains("spill is in use"), "{error}");
}

#[tokio::test]
async fn letter_without_room_is_an_error() {
    let scratch = Scratch::new();
    let path = scratch.path().join("spill");
    let letters = Spilling::open_with_room(Switch::off(), &path, 1000).await.expect("a file");
    letters.store(&letter("orders")).await.expect("spilled");
    let mut large = letter("orders");
    large.payload.bytes = vec![1; 1000];
    let error = letters.store(&large).await.expect_err("too large");
    assert_eq!(error.classify().code(), "DEAD_LETTER_STORE_UNAVAILABLE");
    assert!(error.source().expect("a source").to_string().contains("has no room"));
}

#[tokio::test]
async fn refused_letters_stay_in_the_file() {
    let scratch = Scratch::new();
    let path = scratch.path().join("spill");
    let letters = Spilling::open(Switch::off(), &path).await.expect("a file");
    letters.store(&letter("refused")).await.expect("spilled");
    letters.store(&letter("taken")).await.expect("spilled");
    let switch = letters.store_behind();
    *switch.refuses.lock().expect("a name") = Some("refused".to_owned());
    switch.is_off.store(false, Ordering::Relaxed);
    for _ in 0..2 {
        assert_eq!(letters.drain().await.expect("drained"), 1);
        assert_eq!(switch.queues().await, ["taken"]);
    }
    let error = letters.store(&letter("refused")).await.expect_err("refused");
    assert_eq!(error.classify().code(), "DEAD_LETTER_REFUSED");

    *switch.refuses.lock().expect("a name") = None;
    assert_eq!(letters.drain().await.expect("drained"), 0);
    assert_eq!(switch.queues().await, ["taken", "refused"]);
}

/// The limit of a file's size, in a process of its own, has the effect of a full disk.
#[tokio::test]
async fn full_disk_is_an_error_and_keeps_the_letters_before() {
    if let Ok(path) = std::env::var("RESILIENCE_TEST_FULL_DISK") {
        let letters = Spilling::open(Switch::off(), &path).await.expect("a file");
        let mut large = letter("large");
        large.payload.bytes = vec![1; 8000];
        letters.store(&letter("before")).await.expect("spilled");
        letters.store(&large).await.expect_err("the disk is full");
        letters.store(&letter("after")).await.expect("spilled");
        return;
    }
    let scratch = Scratch::new();
    let path = scratch.path().join("spill");
    // Blocks of 1024 bytes. Without the signal, a write beyond the limit fails.
    let status = tokio::process::Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -f 4; exec \"$0\" --exact \"$1\" --nocapture"])
        .arg(std::env::current_exe().expect("a path"))
        .arg("spill::full_disk_is_an_error_and_keeps_the_letters_before")
        .env("RESILIENCE_TEST_FULL_DISK", &path)
        .stdout(std::process::Stdio::null())
        .status()
        .await
        .expect("a process");
    assert!(status.success(), "{status}");
    let letters = Spilling::open(Switch::default(), &path).await.expect("a file");
    letters.drain().await.expect("drained");
    assert_eq!(letters.store_behind().queues().await, ["before", "after"]);
}
