//! Stores for the tests, and letters.

use std::time::Duration;

use resilience::Category;
use resilience::dead_letter::{Letter, LetterFailure, Payload, Reason};
use resilience_dead_letters::{MySqlStore, PostgresStore, SqliteStore, StoreOptions};
use resilience_test_support::databases::{self, Scratch};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn letter(queue: &str) -> Letter {
    failed_with(queue, "UPSTREAM_DOWN")
}

pub(crate) fn failed_with(queue: &str, code: &str) -> Letter {
    let failure = LetterFailure::new(code, Some(Category::Transient), "shop::Error", "it is down");
    Letter::new(queue, Payload::json("{}"), Reason::Exhausted, failure)
}

/// A store in a file of this directory.
pub(crate) async fn sqlite(scratch: &Scratch) -> SqliteStore {
    SqliteStore::open(&sqlite_url(scratch)).await.expect("a store")
}

pub(crate) fn sqlite_url(scratch: &Scratch) -> String {
    format!("sqlite:{}", scratch.path().join("letters.db").display())
}

#[track_caller]
pub(crate) fn postgres() -> impl Future<Output = Option<PostgresStore>> {
    let database = databases::postgres();
    async {
        let pool = database.await?.pool(8);
        Some(PostgresStore::with_pool(pool, &StoreOptions::default()).await.expect("a store"))
    }
}

#[track_caller]
pub(crate) fn mysql() -> impl Future<Output = Option<MySqlStore>> {
    let database = databases::mysql();
    async {
        let pool = database.await?.pool(8);
        Some(MySqlStore::with_pool(pool, &StoreOptions::default()).await.expect("a store"))
    }
}
