//! The function beside a handler that processes a letter again.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use async_trait::async_trait;
use resilience::{
    Classify as _, dead_letter,
    dead_letter::{Handled, MemoryStore, ReplayError},
};
use resilience_test_support::{CallError, Events};
use serde::{Deserialize, Serialize};

use super::only;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
}

struct Orders {
    letters: MemoryStore,
    /// How many calls fail.
    failing: AtomicU32,
}

impl Orders {
    fn failing(calls: u32) -> Self {
        Self { letters: MemoryStore::new(), failing: AtomicU32::new(calls) }
    }

    fn outcome(&self) -> Result<(), CallError> {
        let left = self.failing.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        if left.is_ok() { Err(CallError::Absent) } else { Ok(()) }
    }

    #[dead_letter(queue = "orders", store = self.letters)]
    async fn handle(
        &self,
        order: &Order,
        #[redact] card: &str,
        lines: &[u32],
        note: Option<Cow<'_, str>>,
        name: &str,
        #[skip] now: u64,
    ) -> Result<(), CallError> {
        assert_eq!(
            (order, card, lines, name, now),
            (&Order { id: 7 }, "4111", &[1, 2][..], "n", 9)
        );
        assert_eq!(note.as_deref(), Some("a note"));
        self.outcome()
    }

    #[dead_letter(queue = "outer", store = self.letters)]
    async fn outer(&self, fails: bool) -> Result<(), CallError> {
        self.inner(fails).await
    }

    #[dead_letter(queue = "inner", store = self.letters)]
    async fn inner(&self, fails: bool) -> Result<(), CallError> {
        if fails { Err(CallError::Absent) } else { self.outcome() }
    }
}

#[tokio::test]
async fn letter_is_replayed_with_its_arguments() {
    let orders = Orders::failing(2);
    let call = orders.handle(&Order { id: 7 }, "4111", &[1, 2], Some("a note".into()), "n", 9);
    call.await.unwrap();
    let letter = only(&orders.letters);

    let events = Events::capture();
    let failed = orders.handle_replay(&letter, "4111", 9).await;
    assert!(matches!(failed, Err(ReplayError::Handler(CallError::Absent))));
    assert_eq!(only(&orders.letters), letter, "a replay stores no letter");
    assert!(events.named("message_sent_to_dlq").is_empty());

    assert!(orders.handle_replay(&letter, "4111", 9).await.is_ok());
}

#[tokio::test]
async fn handler_inside_a_replayed_one_stores_its_own_letters() {
    let orders = Orders::failing(0);
    orders.outer(true).await.unwrap();
    let mut letter = only(&orders.letters);
    assert_eq!(letter.queue, "inner");
    letter.queue = "outer".to_owned();
    orders.outer_replay(&letter).await.unwrap();
    assert_eq!(orders.letters.letters().len(), 2);
}

#[tokio::test]
async fn letter_without_an_argument_is_not_replayed() {
    #[dead_letter(queue = "orders", store = letters)]
    async fn handle(id: u32, #[skip] letters: &MemoryStore) -> Result<Handled<u32>, CallError> {
        if id == 0 { Err(CallError::Absent) } else { Ok(Handled::Processed(id)) }
    }
    let letters = MemoryStore::new();
    handle(0, &letters).await.unwrap();
    let letter = only(&letters);
    for (json, text) in [
        ("{}", "the letter has no argument `id`"),
        ("{\"id\":\"seven\"}", "the argument `id` of the letter can't be read"),
        ("no json", "the argument `id` of the letter can't be read"),
        ("{\"id\":1} and more", "the argument `id` of the letter can't be read"),
    ] {
        let mut letter = letter.clone();
        letter.payload.bytes = json.into();
        let error = handle_replay(&letter, &letters).await.unwrap_err();
        assert_eq!(error.to_string(), text, "{json}");
        assert_eq!(error.classify().code(), "DEAD_LETTER_PAYLOAD");
    }
    let mut letter = letter;
    letter.payload.bytes = b"{\"more\":[{}],\"id\":5}".into();
    assert_eq!(handle_replay(&letter, &letters).await.unwrap(), Handled::Processed(5));
}

#[tokio::test]
async fn raw_payload_is_handed_over_unchanged() {
    #[dead_letter(queue = "orders", store = letters)]
    async fn borrowed(
        #[payload] body: &[u8],
        fails: bool,
        #[skip] letters: &MemoryStore,
    ) -> Result<(), CallError> {
        assert_eq!(body, [0, 255]);
        if fails { Err(CallError::Absent) } else { Ok(()) }
    }

    #[dead_letter(queue = "orders", store = letters, clone(body))]
    async fn owned(
        #[payload] body: Vec<u8>,
        #[skip] letters: &MemoryStore,
    ) -> Result<(), CallError> {
        assert_eq!(body, [0, 255]);
        drop(body);
        Err(CallError::Absent)
    }
    let letters = MemoryStore::new();
    borrowed(&[0, 255], true, &letters).await.unwrap();
    let mut letter = only(&letters);
    assert!(borrowed_replay(&letter, &letters).await.is_err());
    letter.metadata.insert("arguments".to_owned(), "{\"fails\":false}".to_owned());
    borrowed_replay(&letter, &letters).await.unwrap();

    let letters = MemoryStore::new();
    owned(vec![0, 255], &letters).await.unwrap();
    let failed = owned_replay(&only(&letters), &letters).await;
    assert!(matches!(failed, Err(ReplayError::Handler(CallError::Absent))));
}

#[tokio::test]
async fn generic_handler_has_a_generic_replay() {
    #[dead_letter(queue = "orders", store = letters)]
    async fn handle<'a, T>(
        order: &'a T,
        #[skip] fails: bool,
        #[skip] letters: &MemoryStore,
    ) -> Result<(), CallError>
    where
        T: Serialize + for<'de> Deserialize<'de> + Sync,
    {
        let _: &'a T = order;
        if fails { Err(CallError::Absent) } else { Ok(()) }
    }
    let letters = MemoryStore::new();
    handle(&Order { id: 3 }, true, &letters).await.unwrap();
    handle_replay::<Order>(&only(&letters), false, &letters).await.unwrap();
}

#[tokio::test]
async fn methods_of_async_trait_store_letters_too() {
    #[async_trait]
    trait Handler {
        async fn handle(&self, order: Order) -> Result<(), CallError>;
    }

    #[async_trait]
    impl Handler for MemoryStore {
        #[dead_letter(queue = "orders", store = self)]
        async fn handle(&self, order: Order) -> Result<(), CallError> {
            assert_eq!(order.id, 7);
            Err(CallError::Absent)
        }
    }

    let letters = MemoryStore::new();
    letters.handle(Order { id: 7 }).await.unwrap();
    assert_eq!(only(&letters).payload.bytes, br#"{"order":{"id":7}}"#);
}

#[tokio::test]
async fn methods_of_a_trait_need_no_replay() {
    trait Handler {
        async fn handle(&self, order: &Order) -> Result<(), CallError>;
    }

    impl Handler for MemoryStore {
        #[dead_letter(queue = "orders", store = self, no_replay)]
        async fn handle(&self, order: &Order) -> Result<(), CallError> {
            assert_eq!(order.id, 7);
            Err(CallError::Absent)
        }
    }

    let letters = MemoryStore::new();
    letters.handle(&Order { id: 7 }).await.unwrap();
    assert_eq!(only(&letters).queue, "orders");
}
