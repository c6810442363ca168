//! Pools that give no connection, and what `diagnose` finds out about the reason.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use resilience::sql::{Diagnosis, SqlKind, diagnose};
use resilience::{Alert, Category, Classify, Sent, ServiceError};
use resilience_database_tests::{Private, Scratch, code, mysql, postgres, told, until};
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{ConnectOptions, Connection, Error, PgPool};
use tokio::net::TcpListener;

const PATIENCE: Duration = Duration::from_millis(200);

/// Code, status, sent, and whether it alerts at once.
fn answer(diagnosis: &Diagnosis) -> (&'static str, u16, Sent, bool) {
    let is = diagnosis.classify();
    (is.code(), is.status(), is.sent(), is.alert() == Alert::AtOnce)
}

const EXHAUSTED: (&str, u16, Sent, bool) = ("POOL_EXHAUSTED", 503, Sent::Never, false);
const REFUSED: (&str, u16, Sent, bool) = ("CONNECT_FAILED", 503, Sent::Never, true);
const FULL: (&str, u16, Sent, bool) = ("TOO_MANY_CONNECTIONS", 503, Sent::Never, false);

/// What comes of an operation that a slow machine may have to repeat, since the pools here wait for
/// so short a time.
async fn in_the_end<T>(mut attempt: impl AsyncFnMut() -> Result<T, Error>) -> T {
    let mut outcome = None;
    until(async || {
        outcome = match attempt().await {
            Ok(value) => Some(value),
            Err(Error::PoolTimedOut) => None,
            Err(other) => panic!("{other:?}"),
        };
        outcome.is_some()
    })
    .await;
    outcome.expect("it was waited for")
}

/// A diagnosis whose attempt was answered: a slow machine may take more than a second for that.
async fn answered<DB: sqlx::Database>(pool: &sqlx::Pool<DB>) -> Diagnosis {
    let mut diagnosis = diagnose(pool, Error::PoolTimedOut).await;
    until(async || {
        if diagnosis.found().is_none() {
            diagnosis = diagnose(pool, Error::PoolTimedOut).await;
        }
        diagnosis.found().is_some()
    })
    .await;
    diagnosis
}

#[tokio::test]
async fn a_full_pool_of_each_database_is_exhausted() {
    let scratch = Scratch::new();
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .connect_lazy_with(scratch.options());
    let held = in_the_end(async || pool.acquire().await).await;
    let error = pool.acquire().await.unwrap_err();
    assert_eq!(told(&error).0, "POOL_EXHAUSTED");
    assert!(error.classify().is_retryable());
    assert_eq!(answer(&diagnose(&pool, error).await), EXHAUSTED);
    drop(held);

    if let Some(db) = postgres().await {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            .connect_lazy_with(db.options.clone());
        let held = in_the_end(async || pool.acquire().await).await;
        let error = pool.acquire().await.unwrap_err();
        let diagnosis = diagnose(&pool, error).await;
        assert_eq!(
            (answer(&diagnosis), diagnosis.kind()),
            (EXHAUSTED, Some(SqlKind::PoolExhausted))
        );
        assert!(
            diagnosis.to_string().starts_with("no database connection in time: the server "),
            "{diagnosis}"
        );
        assert!(diagnosis.to_string().ends_with("; the pool has 1 of 1, 0 idle"), "{diagnosis}");
        assert!(diagnosis.found().is_none());
        drop(held);
    }
    if let Some(db) = mysql().await {
        let pool = MySqlPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            .connect_lazy_with(db.options.clone());
        let held = in_the_end(async || pool.acquire().await).await;
        let error = pool.acquire().await.unwrap_err();
        assert_eq!(answer(&diagnose(&pool, error).await), EXHAUSTED);
        drop(held);
    }
}

#[tokio::test]
async fn a_stopped_server_refuses_behind_pool_timed_out() {
    let Some(mut server) = Private::postgres(&[]).await else { return };
    let options: PgConnectOptions = server.url.parse().unwrap();
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .connect_lazy_with(options.clone());
    in_the_end(async || sqlx::query("SELECT 1").execute(&pool).await).await;
    server.stop().await;

    let direct = options.connect().await.unwrap_err();
    assert_eq!((told(&direct).0, told(&direct).3), ("CONNECT_FAILED", Sent::Never));
    assert_eq!(direct.classify().alert(), Alert::AtOnce);

    // While one waiter's connection is being refused, the pool looks full to the other.
    let ask = async || {
        let error = sqlx::query("SELECT 1").execute(&pool).await.unwrap_err();
        assert!(matches!(error, Error::PoolTimedOut), "{error:?}");
        diagnose(&pool, error).await
    };
    let (one, other) = tokio::join!(ask(), ask());
    for diagnosis in [one, other] {
        assert_eq!((answer(&diagnosis), diagnosis.kind()), (REFUSED, Some(SqlKind::ConnectFailed)));
        assert!(matches!(diagnosis.found(), Some(Error::Io(_))));
        assert!(diagnosis.to_string().contains("the server accepts none"), "{diagnosis}");
        let chain: Vec<_> = diagnosis.evidence().chain().map(ToString::to_string).collect();
        assert!(chain.iter().any(|cause| cause.contains("refused")), "{chain:?}");
    }

    server.start().await;
    in_the_end(async || sqlx::query("SELECT 1").execute(&pool).await).await;
    server.end().await;
}

#[tokio::test]
async fn a_restarted_server_costs_a_pool_nothing_or_one_statement() {
    let Some(mut server) = Private::postgres(&[]).await else { return };
    let options: PgConnectOptions = server.url.parse().unwrap();
    let asking = PgPoolOptions::new().max_connections(1).connect_lazy_with(options.clone());
    let trusting = PgPoolOptions::new()
        .max_connections(1)
        .test_before_acquire(false)
        .connect_lazy_with(options);
    for pool in [&asking, &trusting] {
        sqlx::query("SELECT 1").execute(pool).await.unwrap();
        // It goes back on its own.
        until(async || pool.num_idle() == 1).await;
    }
    server.restart().await;
    sqlx::query("SELECT 1").execute(&asking).await.expect("the pool asks first");
    let error = sqlx::query("SELECT 1").execute(&trusting).await.unwrap_err();
    assert_eq!((told(&error).0, told(&error).1), ("CONNECTION_LOST", 503), "{error:?}");
    assert!(error.classify().is_retryable());
    sqlx::query("SELECT 1").execute(&trusting).await.expect("a new connection");
    server.end().await;
}

#[tokio::test]
async fn a_server_without_slots_hides_behind_pool_timed_out() {
    let full = [
        "-c",
        "max_connections=2",
        "-c",
        "superuser_reserved_connections=0",
        "-c",
        "max_wal_senders=0",
    ];
    let Some(server) = Private::postgres(&full).await else { return };
    let options: PgConnectOptions = server.url.parse().unwrap();
    let held = (options.connect().await.unwrap(), options.connect().await.unwrap());

    let direct = options.connect().await.unwrap_err();
    assert_eq!((code(&direct).as_str(), told(&direct).0), ("53300", "TOO_MANY_CONNECTIONS"));
    let pool = PgPoolOptions::new()
        .max_connections(5)
        .acquire_timeout(PATIENCE)
        .connect_lazy_with(options);
    let error = pool.acquire().await.unwrap_err();
    assert!(matches!(error, Error::PoolTimedOut), "{error:?}");
    let diagnosis = answered(&pool).await;
    assert_eq!((answer(&diagnosis), diagnosis.kind()), (FULL, Some(SqlKind::TooManyConnections)));
    assert!(diagnosis.classify().is_retryable());
    drop(held);
    server.end().await;
}

#[tokio::test]
async fn a_server_that_waits_for_its_last_clients_takes_no_more() {
    let Some(server) = Private::postgres(&[]).await else { return };
    let options: PgConnectOptions = server.url.parse().unwrap();
    let mut last = options.connect().await.unwrap();
    // What `pg_ctl stop --mode=smart` does.
    let smart = "COPY (SELECT 1) TO PROGRAM 'kill -TERM $(head -n 1 postmaster.pid)'";
    sqlx::query(smart).execute(&mut last).await.unwrap();

    let mut direct = None;
    until(async || {
        direct = options.connect().await.err();
        direct.is_some()
    })
    .await;
    let direct = direct.unwrap();
    assert_eq!((code(&direct).as_str(), told(&direct).0), ("57P03", "CONNECT_FAILED"));
    assert_eq!((told(&direct).1, told(&direct).3), (503, Sent::Never));
    let pool = PgPoolOptions::new()
        .max_connections(5)
        .acquire_timeout(PATIENCE)
        .connect_lazy_with(options);
    let error = pool.acquire().await.unwrap_err();
    assert!(matches!(error, Error::PoolTimedOut), "{error:?}");
    let diagnosis = answered(&pool).await;
    assert_eq!((answer(&diagnosis), diagnosis.kind()), (REFUSED, Some(SqlKind::ServerNotReady)));
    // Who is still there is served to the end.
    sqlx::query("SELECT 1").execute(&mut last).await.unwrap();
    last.close().await.unwrap();
    server.end().await;
}

#[tokio::test]
async fn a_mariadb_without_slots_and_one_that_is_stopped() {
    // One more is kept for an administrator, which root is.
    let Some(mut server) = Private::mysql(&["--max-connections=10"]).await else { return };
    let options: MySqlConnectOptions = server.url.parse().unwrap();
    let mut held = Vec::new();
    let direct = loop {
        match options.connect().await {
            Ok(session) => held.push(session),
            Err(error) => break error,
        }
    };
    assert_eq!((code(&direct).as_str(), told(&direct).0), ("1040", "TOO_MANY_CONNECTIONS"));
    assert_eq!((told(&direct).1, told(&direct).3), (503, Sent::Never));
    // Unlike PostgreSQL's, this one comes out of the pool as it is, and at once.
    let pool = MySqlPoolOptions::new().max_connections(5).connect_lazy_with(options.clone());
    let error = pool.acquire().await.unwrap_err();
    assert_eq!(code(&error), "1040");
    assert_eq!(answer(&diagnose(&pool, error).await), FULL);
    for session in held {
        session.close().await.unwrap();
    }

    server.stop().await;
    let pool = MySqlPoolOptions::new()
        .max_connections(5)
        .acquire_timeout(PATIENCE)
        .connect_lazy_with(options);
    let error = pool.acquire().await.unwrap_err();
    assert!(matches!(error, Error::PoolTimedOut), "{error:?}");
    assert_eq!(answer(&diagnose(&pool, error).await), REFUSED);
    server.start().await;
    in_the_end(async || pool.acquire().await).await;
    server.end().await;
}

#[tokio::test]
async fn what_else_the_attempt_finds_is_told_as_it_is() {
    let Some(db) = postgres().await else { return };
    let pool = PgPool::connect_lazy_with(db.options.clone().password("wrong"));
    let diagnosis = answered(&pool).await;
    let is = diagnosis.classify();
    assert_eq!(
        (is.category(), is.code(), is.status()),
        (Some(Category::Fatal), "DATABASE_AUTH_FAILED", 500)
    );
    assert_eq!(diagnosis.kind(), Some(SqlKind::AuthenticationFailed));
}

#[tokio::test]
async fn any_other_error_comes_back_as_it_was() {
    let Some(db) = postgres().await else { return };
    let pool = db.pool(1);
    let error = sqlx::query("SELECT 1/0").execute(&pool).await.unwrap_err();
    let (before, text) = (error.classify(), error.to_string());
    let diagnosis = diagnose(&pool, error).await;
    assert_eq!((diagnosis.classify(), diagnosis.to_string()), (before, text));
    assert!(matches!(diagnosis.into_error(), Error::Database(_)));

    pool.close().await;
    let error = pool.acquire().await.unwrap_err();
    assert_eq!(diagnose(&pool, error).await.kind(), Some(SqlKind::PoolClosed));
}

/// A listener that takes connections and never says a word, and how many it has taken.
async fn silent() -> (PgPool, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    tokio::spawn(async move {
        let mut sockets = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            sockets.push(socket);
        }
    });
    let options = PgConnectOptions::new().host("127.0.0.1").port(port).username("u").database("d");
    (
        PgPoolOptions::new()
            .max_connections(5)
            .acquire_timeout(PATIENCE)
            .connect_lazy_with(options),
        taken,
    )
}

#[tokio::test]
async fn all_who_ask_at_once_share_one_bounded_attempt() {
    let (pool, taken) = silent().await;
    let begin = Instant::now();
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let pool = pool.clone();
        asked.spawn(async move { diagnose(&pool, Error::PoolTimedOut).await });
    }
    for diagnosis in asked.join_all().await {
        assert_eq!((answer(&diagnosis), diagnosis.kind()), (REFUSED, Some(SqlKind::ConnectFailed)));
        assert!(diagnosis.to_string().contains("the server doesn't answer"), "{diagnosis}");
    }
    let took = begin.elapsed();
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(20), "{took:?}");
    let attempts = taken.load(Ordering::SeqCst);
    assert!(
        attempts >= 1 && attempts as u64 <= took.as_secs(),
        "no more than one a second: {attempts} in {took:?}"
    );
}

#[tokio::test]
async fn who_is_dropped_leaves_the_attempt_to_the_others() {
    let (pool, taken) = silent().await;
    let (first, second) = (pool.clone(), pool.clone());
    let first = tokio::spawn(async move { diagnose(&first, Error::PoolTimedOut).await });
    until(async || taken.load(Ordering::SeqCst) == 1).await;
    let second = tokio::spawn(async move { diagnose(&second, Error::PoolTimedOut).await });
    tokio::task::yield_now().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert_eq!(answer(&second.await.unwrap()), REFUSED);
}

#[derive(Debug, thiserror::Error, ServiceError)]
enum UserError {
    #[error(transparent)]
    #[service(transparent)]
    Database(#[from] Diagnosis),
}

#[tokio::test]
async fn it_fits_into_an_error_of_ones_own() {
    let (pool, _) = silent().await;
    let error = UserError::from(diagnose(&pool, Error::PoolTimedOut).await);
    assert_eq!(error.classify().code(), "CONNECT_FAILED");
    assert_eq!(error.public_message(), "An internal error occurred");
}
