//! The database is locked, or stops and comes back.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use resilience::dead_letter::DeadLetterStore;
use resilience::{Category, Classify};
use resilience_dead_letters::{
    Filter, PostgresStore, ReplayStore, Spilling, SqliteStore, State, StoreOptions,
};
use resilience_test_support::databases::{Private, Scratch, until};
use sqlx::Connection;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnection, SqlitePoolOptions};

use crate::support::{letter, sqlite, sqlite_url};

async fn lock(scratch: &Scratch) -> SqliteConnection {
    let mut other = SqliteConnection::connect(&sqlite_url(scratch)).await.expect("a session");
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.expect("a lock");
    other
}

#[tokio::test]
async fn store_waits_for_a_locked_table() {
    let scratch = Scratch::new();
    let store = sqlite(&scratch).await;
    let mut other = lock(&scratch).await;
    let letter = letter("orders");
    let release = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        sqlx::query("COMMIT").execute(&mut other).await.expect("a release");
    };
    let (stored, ()) = tokio::join!(store.store(&letter), release);
    stored.expect("stored");
    assert_eq!(store.count(&Filter::all(), State::Open).await.expect("a number"), 1);
}

#[tokio::test]
async fn table_that_stays_locked_is_a_transient_failure() {
    let scratch = Scratch::new();
    // Keeps the file open, so that nothing is moved out of its log meanwhile.
    let _first = sqlite(&scratch).await;
    let pool = SqlitePoolOptions::new().connect_with(
        sqlite_url(&scratch)
            .parse::<sqlx::sqlite::SqliteConnectOptions>()
            .expect("a URL")
            .busy_timeout(Duration::ZERO),
    );
    let store = SqliteStore::with_pool(pool.await.expect("a pool"), &StoreOptions::new()).await;
    let store = store.expect("a store");
    let _other = lock(&scratch).await;
    let error = store.store(&letter("orders")).await.expect_err("locked");
    assert_eq!(error.classify().category(), Some(Category::Transient), "{error:?}");
}

#[tokio::test]
async fn restarted_postgres_loses_and_doubles_no_letter() {
    let Some(mut server) = Private::postgres(&[]).await else { return };
    let scratch = Scratch::new();
    let options = PgPoolOptions::new().max_connections(4).acquire_timeout(Duration::from_secs(2));
    let pool = options.connect(&server.url).await.expect("a pool");
    let store = PostgresStore::with_pool(pool, &StoreOptions::new()).await.expect("a store");
    let letters = Spilling::open(store, scratch.path().join("spill")).await.expect("a file");

    let acknowledged = Mutex::new(Vec::new());
    let is_over = AtomicBool::new(false);
    let write = async |writer: u32| {
        for number in 0.. {
            if is_over.load(Ordering::Relaxed) {
                return;
            }
            let mut letter = letter("orders");
            letter.dedupe_key = Some(format!("{writer} {number}"));
            if letters.store(&letter).await.is_ok() {
                acknowledged.lock().expect("the keys").extend(letter.dedupe_key);
            }
        }
    };
    let restart = async {
        let count = || acknowledged.lock().expect("the keys").len();
        for _ in 0..3 {
            let before = count();
            until(async || count() > before + 50).await;
            server.stop().await;
            until(async || letters.spilled_bytes() > 0).await;
            server.start().await;
            until(async || letters.spilled_bytes() == 0).await;
        }
        is_over.store(true, Ordering::Relaxed);
    };
    tokio::join!(write(1), write(2), write(3), write(4), restart);
    until(async || letters.drain().await.is_ok_and(|left| left == 0)).await;

    let store = letters.store_behind();
    let mut found = BTreeMap::<String, usize>::new();
    let mut place = None;
    loop {
        let page = store.list(&Filter::all(), State::Any, place, 500).await.expect("letters");
        let Some(last) = page.last() else { break };
        place = Some(last.place());
        for stored in page {
            *found.entry(stored.letter.dedupe_key.expect("a key")).or_default() += 1;
        }
    }
    let acknowledged = acknowledged.into_inner().expect("the keys");
    assert!(acknowledged.len() > 150);
    assert!(acknowledged.iter().all(|key| found.contains_key(key)), "a letter is lost");
    assert!(found.values().all(|count| *count == 1), "a letter is doubled");
    store.pool().close().await;
    server.end().await;
}
