//! Opening a store creates or migrates its tables.

use resilience::dead_letter::DeadLetterStore;
use resilience_dead_letters::{
    Filter, MySqlStore, PostgresStore, ReplayStore, SqliteStore, State, StoreOptions,
};
use resilience_test_support::databases::{self, Scratch};

use crate::support::{letter, sqlite, sqlite_url};

#[tokio::test]
async fn letters_are_there_after_a_restart() {
    let scratch = Scratch::new();
    sqlite(&scratch).await.store(&letter("orders")).await.expect("stored");
    let again = sqlite(&scratch).await;
    assert_eq!(again.count(&Filter::all(), State::Open).await.expect("a number"), 1);
}

#[tokio::test]
async fn many_can_open_an_empty_sqlite_file_at_once() {
    let scratch = Scratch::new();
    let stores = futures_util::future::join_all((0..8).map(|_| sqlite(&scratch))).await;
    for store in stores {
        store.store(&letter("orders")).await.expect("stored");
    }
}

#[tokio::test]
async fn many_can_open_an_empty_postgres_at_once() {
    let Some(database) = databases::postgres().await else { return };
    let options = StoreOptions::new();
    let open = || PostgresStore::with_pool(database.pool(2), &options);
    for store in futures_util::future::join_all((0..8).map(|_| open())).await {
        store.expect("a store").store(&letter("orders")).await.expect("stored");
    }
}

#[tokio::test]
async fn many_can_open_an_empty_mariadb_at_once() {
    let Some(database) = databases::mysql().await else { return };
    let options = StoreOptions::new();
    let open = || MySqlStore::with_pool(database.pool(2), &options);
    for store in futures_util::future::join_all((0..8).map(|_| open())).await {
        store.expect("a store").store(&letter("orders")).await.expect("stored");
    }
}

#[tokio::test]
async fn tables_have_their_own_letters() {
    let scratch = Scratch::new();
    let options = StoreOptions::new().table("other");
    let other = SqliteStore::open_with(&sqlite_url(&scratch), &options).await.expect("a store");
    other.store(&letter("orders")).await.expect("stored");
    let store = sqlite(&scratch).await;
    assert_eq!(store.count(&Filter::all(), State::Any).await.expect("a number"), 0);
}

#[tokio::test]
async fn table_needs_a_plain_name() {
    let scratch = Scratch::new();
    for name in ["", "a b", "a;b", "a\"", "1a", "Letters", "ä", &"x".repeat(41)] {
        let options = StoreOptions::new().table(name);
        let error = SqliteStore::open_with(&sqlite_url(&scratch), &options).await.expect_err(name);
        assert!(error.to_string().contains("can't be the name of the table; use"), "{error}");
    }
}

#[tokio::test]
async fn newer_tables_are_left_alone() {
    let scratch = Scratch::new();
    let store = sqlite(&scratch).await;
    sqlx::query("INSERT INTO dead_letters_versions VALUES (99)")
        .execute(store.pool())
        .await
        .expect("a version");
    let error = SqliteStore::open(&sqlite_url(&scratch)).await.expect_err("too new");
    assert!(error.to_string().contains("version 99"), "{error}");
}

#[tokio::test]
async fn indexes_have_the_documented_names() {
    let scratch = Scratch::new();
    let store = sqlite(&scratch).await;
    for name in ["ix_dead_letters_queue", "ix_dead_letters_not_replayed"] {
        let found = sqlx::query("SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ?")
            .bind(name)
            .fetch_all(store.pool())
            .await
            .expect("an answer");
        assert_eq!(found.len(), 1, "{name}");
    }
}

#[tokio::test]
async fn sqlite_is_durable() {
    let scratch = Scratch::new();
    let store = sqlite(&scratch).await;
    let mode: String =
        sqlx::query_scalar("PRAGMA journal_mode").fetch_one(store.pool()).await.expect("a mode");
    let synchronous: i64 =
        sqlx::query_scalar("PRAGMA synchronous").fetch_one(store.pool()).await.expect("a number");
    assert_eq!((&*mode, synchronous), ("wal", 2));
}
