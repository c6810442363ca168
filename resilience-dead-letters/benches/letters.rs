//! Letters per second, stored and replayed, and the time of a page of a large table.
//!
//! `tests/with-services cargo bench -p resilience-dead-letters --all-features`. Servers that aren't
//! there are left out.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use resilience::Category;
use resilience::dead_letter::{Letter, LetterFailure, Payload, Reason};
use resilience::errors::NotFound;
use resilience_dead_letters::{Filter, Replay, ReplayStore, SqliteStore, State};
use resilience_test_support::databases::{self, Scratch};

const ROWS: u32 = 1_000_000;

#[tokio::main]
async fn main() {
    let scratch = Scratch::new();
    let url = format!("sqlite:{}", scratch.path().join("letters.db").display());
    let store = SqliteStore::open(&url).await.expect("a store");
    measure("SQLite", &store).await;
    pages(&store).await;

    let options = resilience_dead_letters::StoreOptions::new();
    if std::env::var_os("RESILIENCE_POSTGRES_URL").is_some() {
        let database = databases::postgres().await.expect("a database");
        let store =
            resilience_dead_letters::PostgresStore::with_pool(database.pool(16), &options).await;
        measure("PostgreSQL", &store.expect("a store")).await;
    }
    if std::env::var_os("RESILIENCE_MYSQL_URL").is_some() {
        let database = databases::mysql().await.expect("a database");
        let store =
            resilience_dead_letters::MySqlStore::with_pool(database.pool(16), &options).await;
        measure("MariaDB", &store.expect("a store")).await;
    }
}

fn letter() -> Letter {
    let code = "UPSTREAM_UNAVAILABLE";
    let failure = LetterFailure::new(code, Some(Category::Transient), "shop::Error", "it is down");
    Letter::new("orders", Payload::json("x".repeat(500)), Reason::Exhausted, failure)
}

async fn measure(name: &str, store: &dyn ReplayStore) {
    let letter = letter();
    for (writers, each) in [(1_u64, 1000), (64, 200), (512, 50)] {
        let began = Instant::now();
        join_all((0..writers).map(|_| async {
            for _ in 0..each {
                store.store(&letter).await.expect("stored");
            }
        }))
        .await;
        rate(name, &format!("stored by {writers} writers"), writers * each, began.elapsed());
    }
    for (concurrency, limit) in [(1, 1000), (64, 10_000)] {
        let replay = Replay::new(store, Filter::all(), "bench").limit(limit);
        let began = Instant::now();
        let report = replay.concurrency(concurrency).run(async |_| Ok::<(), NotFound>(())).await;
        assert_eq!(report.expect("a report").replayed, limit);
        rate(name, &format!("replayed, {concurrency} at once"), limit, began.elapsed());
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no more digits")]
fn rate(name: &str, what: &str, letters: u64, took: Duration) {
    println!("{name}: {what}: {:.0} letters/s", letters as f64 / took.as_secs_f64());
}

/// A page of 100 of many letters, by either index.
async fn pages(store: &SqliteStore) {
    sqlx::query(
        "INSERT INTO dead_letters (id, queue_name, content_type, reason, code, error, error_type,
            attempts, first_failure, last_failure, created_at, replayed_at, original_message)
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
         SELECT printf('00000000-0000-7000-8000-%012x', i), 'queue ' || (i % 10), '', 'permanent',
            'CODE', '', '', 1, 1, 1, i, CASE WHEN i % 2 = 0 THEN i END, zeroblob(200) FROM n",
    )
    .bind(ROWS)
    .execute(store.pool())
    .await
    .expect("rows");
    for (what, state) in [("queue", State::Any), ("not_replayed", State::Open)] {
        let filter = Filter::queue("queue 3");
        let mut place = None;
        let mut longest = Duration::ZERO;
        for _ in 0..200 {
            let began = Instant::now();
            let page = store.list(&filter, state, place, 100).await.expect("letters");
            longest = longest.max(began.elapsed());
            assert_eq!(page.len(), 100);
            place = page.last().map(resilience_dead_letters::StoredLetter::place);
        }
        println!(
            "SQLite: longest of 200 pages of 100 of {ROWS} by ix_dead_letters_{what}: {longest:?}"
        );
    }
}
