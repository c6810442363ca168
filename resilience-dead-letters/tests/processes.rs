//! Several processes replay the same letters, and are killed.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use resilience::errors::NotFound;
use resilience_dead_letters::{
    Filter, MySqlStore, PostgresStore, Replay, ReplayStore, SqliteStore, State, StoreOptions,
};
use resilience_test_support::databases::{self, Scratch};
use sqlx::ConnectOptions;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::support::{letter, sqlite_url};

/// How a worker's process finds its store.
const URL: &str = "RESILIENCE_TEST_WORKER_URL";
/// The lease of the killed workers.
const LEASE: Duration = Duration::from_millis(200);

async fn open(url: &str) -> Box<dyn ReplayStore> {
    let options = StoreOptions::new().max_connections(8);
    if url.starts_with("postgres") {
        Box::new(PostgresStore::open_with(url, &options).await.expect("a store"))
    } else if url.starts_with("mysql") {
        Box::new(MySqlStore::open_with(url, &options).await.expect("a store"))
    } else {
        Box::new(SqliteStore::open_with(url, &options).await.expect("a store"))
    }
}

/// The worker, in the process that [`spawn`] starts. It does nothing in the tests' own process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker() {
    let Ok(url) = std::env::var(URL) else { return };
    let store = open(&url).await;
    println!("\nready");
    let run = async || {
        let replay = Replay::new(&store, Filter::all(), "worker")
            .concurrency(8)
            .lease(LEASE)
            .max_replays(u32::MAX);
        replay.run(async |_| Ok::<(), NotFound>(())).await.expect("a report")
    };
    let reports = tokio::join!(run(), run(), run(), run());
    println!(
        "replayed {}",
        [reports.0, reports.1, reports.2, reports.3].map(|it| it.replayed).iter().sum::<u64>()
    );
}

fn spawn(url: &str) -> Child {
    Command::new(std::env::current_exe().expect("a path"))
        .args(["--exact", "processes::worker", "--nocapture"])
        .env(URL, url)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("a process")
}

/// Waits for a line that begins like this, and returns the rest.
async fn line(worker: &mut Child, beginning: &str) -> String {
    let mut lines = BufReader::new(worker.stdout.as_mut().expect("a pipe")).lines();
    loop {
        let line = lines.next_line().await.expect("readable").expect("a line");
        if let Some(rest) = line.strip_prefix(beginning) {
            return rest.trim().to_owned();
        }
    }
}

async fn fill(store: &dyn ReplayStore, count: usize) {
    let letters: Vec<_> = (0..count).map(|_| letter("orders")).collect();
    for stored in futures_util::future::join_all(letters.iter().map(|it| store.store(it))).await {
        stored.expect("stored");
    }
}

/// Each letter is there, and was finished once.
async fn check_each_once(store: &dyn ReplayStore, count: usize) {
    let mut place = None;
    let mut seen = 0;
    loop {
        let page = store.list(&Filter::all(), State::Any, place, 500).await.expect("letters");
        let Some(last) = page.last() else { break };
        place = Some(last.place());
        seen += page.len();
        for stored in page {
            assert!(stored.replayed_at.is_some(), "{:?}", stored.id);
            let mut actions = BTreeMap::<_, usize>::new();
            for entry in store.trail(stored.id).await.expect("a trail") {
                *actions.entry(entry.action).or_default() += 1;
            }
            assert_eq!(actions["replayed"], 1, "{actions:?}");
            assert!(actions["claimed"] >= 1, "{actions:?}");
        }
    }
    assert_eq!(seen, count);
}

/// Eight workers in two processes.
async fn replay_together(url: &str) {
    let store = open(url).await;
    fill(&*store, 10_000).await;
    let (mut one, mut other) = (spawn(url), spawn(url));
    let replayed = tokio::join!(line(&mut one, "replayed"), line(&mut other, "replayed"));
    let numbers = [replayed.0, replayed.1].map(|it| it.parse::<usize>().expect("a number"));
    assert_eq!(numbers.iter().sum::<usize>(), 10_000, "{numbers:?}");
    check_each_once(&*store, 10_000).await;
}

/// A worker that is killed at random moments, and at last one that isn't.
async fn replay_and_kill(url: &str) {
    let store = open(url).await;
    let (rounds, count) = (100, 3000);
    fill(&*store, count).await;
    for round in 0..rounds {
        let mut worker = spawn(url);
        line(&mut worker, "ready").await;
        // From the first claim to many finished letters.
        tokio::time::sleep(Duration::from_micros(round * 7919 % 40_000)).await;
        worker.kill().await.expect("it can be killed");
        if store.count(&Filter::all(), State::Open).await.expect("a number") == 0 {
            break;
        }
    }
    tokio::time::sleep(LEASE * 2).await;
    line(&mut spawn(url), "replayed").await;
    check_each_once(&*store, count).await;
}

#[tokio::test]
async fn two_processes_replay_each_letter_once_on_sqlite() {
    let scratch = Scratch::new();
    replay_together(&sqlite_url(&scratch)).await;
}

#[tokio::test]
async fn two_processes_replay_each_letter_once_on_postgres() {
    let Some(database) = databases::postgres().await else { return };
    replay_together(database.options.to_url_lossy().as_str()).await;
}

#[tokio::test]
async fn two_processes_replay_each_letter_once_on_mariadb() {
    let Some(database) = databases::mysql().await else { return };
    replay_together(database.options.to_url_lossy().as_str()).await;
}

#[tokio::test]
async fn killed_worker_loses_and_doubles_nothing_on_sqlite() {
    let scratch = Scratch::new();
    replay_and_kill(&sqlite_url(&scratch)).await;
}

#[tokio::test]
async fn killed_worker_loses_and_doubles_nothing_on_postgres() {
    let Some(database) = databases::postgres().await else { return };
    replay_and_kill(database.options.to_url_lossy().as_str()).await;
}

#[tokio::test]
async fn killed_worker_loses_and_doubles_nothing_on_mariadb() {
    let Some(database) = databases::mysql().await else { return };
    replay_and_kill(database.options.to_url_lossy().as_str()).await;
}
