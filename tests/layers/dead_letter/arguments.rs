//! What of a call is in its letter.

use std::collections::BTreeMap;

use resilience::{dead_letter, dead_letter::MemoryStore};
use resilience_test_support::CallError;
use serde::Serialize;

use super::only;

#[derive(Serialize)]
struct Order {
    id: u64,
    note: String,
}

fn order() -> Order {
    Order { id: u64::MAX, note: "a \"quoted\" note\0".to_owned() }
}

#[tokio::test]
async fn arguments_are_a_json_object() {
    #[dead_letter(queue = "orders", store = letters, no_replay)]
    async fn handle(
        order: &Order,
        r#type: Option<&str>,
        big: u128,
        #[redact] card: &str,
        #[skip] letters: &MemoryStore,
    ) -> Result<(), CallError> {
        let _ = (order.id, &order.note, r#type, big, card);
        Err(CallError::Absent)
    }
    let letters = MemoryStore::new();
    handle(&order(), None, u128::MAX, "4111", &letters).await.unwrap();
    let letter = only(&letters);
    assert_eq!(
        String::from_utf8(letter.payload.bytes).unwrap(),
        r#"{"order":{"id":18446744073709551615,"note":"a \"quoted\" note\u0000"},"type":null,"big":340282366920938463463374607431768211455,"card":"[redacted]"}"#
    );
    assert_eq!(letter.metadata.get("redacted").map(String::as_str), Some("card"));
}

#[tokio::test]
async fn raw_payload_is_kept_as_it_is() {
    #[dead_letter(queue = "orders", store = letters, content_type = "application/protobuf")]
    async fn handle(
        #[payload] body: &[u8],
        partition: u32,
        #[skip] letters: &MemoryStore,
    ) -> Result<(), CallError> {
        let _ = (body, partition);
        Err(CallError::Absent)
    }
    let body = [0, 159, 146, 150, 255];
    for body in [&body[..], &[], &vec![7; 1 << 20]] {
        let letters = MemoryStore::new();
        handle(body, 3, &letters).await.unwrap();
        let letter = only(&letters);
        assert_eq!(letter.payload.bytes, body);
        assert_eq!(letter.payload.content_type, "application/protobuf");
        assert_eq!(letter.metadata["arguments"], r#"{"partition":3}"#);
    }
}

#[tokio::test]
async fn argument_that_does_not_serialize_loses_no_letter() {
    struct Panics;

    impl Serialize for Panics {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("no text")
        }
    }

    #[dead_letter(queue = "orders", store = letters, no_replay)]
    async fn handle(
        id: u32,
        prices: &BTreeMap<(u8, u8), u32>,
        panics: &Panics,
        #[skip] letters: &MemoryStore,
    ) -> Result<(), CallError> {
        let _ = (id, prices, panics);
        Err(CallError::Absent)
    }
    let letters = MemoryStore::new();
    handle(7, &BTreeMap::from([((1, 2), 3)]), &Panics, &letters).await.unwrap();
    let letter = only(&letters);
    assert_eq!(letter.payload.bytes, br#"{"id":7,"prices":null,"panics":null}"#);
    assert_eq!(
        letter.metadata["unserialized"],
        "prices: key must be a string; panics: its `Serialize` panicked"
    );
}

#[tokio::test]
async fn consumed_argument_is_cloned_if_asked() {
    #[dead_letter(queue = "orders", store = letters, dedupe_key = format!("order-{}", order[0]), clone(order))]
    async fn handle(mut order: Vec<u32>, #[skip] letters: &MemoryStore) -> Result<(), CallError> {
        order.push(2);
        drop(order);
        Err(CallError::Absent)
    }
    let letters = MemoryStore::new();
    handle(vec![1], &letters).await.unwrap();
    handle(vec![1, 5], &letters).await.unwrap();
    let letter = only(&letters);
    assert_eq!(letter.payload.bytes, br#"{"order":[1]}"#);
    assert_eq!(letter.dedupe_key.as_deref(), Some("order-1"));
    assert_eq!(letter.attempts, 2, "a repeat adds its attempts");
}
