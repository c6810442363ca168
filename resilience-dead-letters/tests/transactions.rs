//! A letter in the caller's transaction.

use resilience_dead_letters::{Filter, ReplayStore, State};
use resilience_test_support::databases::Scratch;

use crate::support::{self, letter};

macro_rules! in_transaction {
    ($store:expr) => {
        let store = $store;
        let mut keyed = letter("orders");
        keyed.dedupe_key = Some("order 7".to_owned());
        for (commit, expected) in [(false, 0), (true, 2)] {
            let mut transaction = store.pool().begin().await.expect("a transaction");
            store.store_in(&mut transaction, &letter("orders")).await.expect("stored");
            assert!(!store.store_in(&mut transaction, &keyed).await.expect("stored").is_repeat);
            assert!(store.store_in(&mut transaction, &keyed).await.expect("stored").is_repeat);
            match commit {
                true => transaction.commit().await.expect("a commit"),
                false => transaction.rollback().await.expect("a rollback"),
            }
            let open = store.count(&Filter::all(), State::Open).await.expect("a number");
            assert_eq!(open, expected);
        }
    };
}

#[tokio::test]
async fn letter_is_stored_with_the_transaction_on_sqlite() {
    let scratch = Scratch::new();
    in_transaction!(support::sqlite(&scratch).await);
}

#[tokio::test]
async fn letter_is_stored_with_the_transaction_on_postgres() {
    let Some(store) = support::postgres().await else { return };
    in_transaction!(store);
}

#[tokio::test]
async fn letter_is_stored_with_the_transaction_on_mariadb() {
    let Some(store) = support::mysql().await else { return };
    in_transaction!(store);
}
