//! Pools without a free connection, and the reason that `diagnose` finds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use resilience::sql::{Diagnosis, SqlKind, diagnose};
use resilience::{Alert, Category, Classify, Sent, ServiceError};
use resilience_test_support::databases::{
    Private, Scratch, classified, code, mysql, postgres, until,
};
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

/// Repeats an operation until it doesn't time out: the pools here have a short timeout, and the
/// machine may be slow.
async fn eventually<T>(mut attempt: impl AsyncFnMut() -> Result<T, Error>) -> T {
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

/// A diagnosis whose attempt was answered, which a slow machine may not do within a second.
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
async fn full_pool_of_each_database_is_exhausted() {
    let scratch = Scratch::new();
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .connect_lazy_with(scratch.options());
    let held = eventually(async || pool.acquire().await).await;
    let error = pool.acquire().await.unwrap_err();
    assert_eq!(classified(&error).0, "POOL_EXHAUSTED");
    assert!(error.classify().is_retryable());
    assert_eq!(answer(&diagnose(&pool, error).await), EXHAUSTED);
    drop(held);

    if let Some(db) = postgres().await {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            .connect_lazy_with(db.options.clone());
        let held = eventually(async || pool.acquire().await).await;
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
        let held = eventually(async || pool.acquire().await).await;
        let error = pool.acquire().await.unwrap_err();
        assert_eq!(answer(&diagnose(&pool, error).await), EXHAUSTED);
        drop(held);
    }
}

#[tokio::test]
async fn diagnosis_finds_a_stopped_server_behind_pool_timed_out() {
    let Some(mut server) = Private::postgres(&[]).await else { return };
    let options: PgConnectOptions = server.url.parse().unwrap();
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .connect_lazy_with(options.clone());
    eventually(async || sqlx::query("SELECT 1").execute(&pool).await).await;
    server.stop().await;

    let direct = options.connect().await.unwrap_err();
    assert_eq!((classified(&direct).0, classified(&direct).3), ("CONNECT_FAILED", Sent::Never));
    assert_eq!(direct.classify().alert(), Alert::AtOnce);

    // While one connection is being refused, the pool looks full to the other waiter.
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
    eventually(async || sqlx::query("SELECT 1").execute(&pool).await).await;
    server.end().await;
}

#[tokio::test]
async fn restarted_server_costs_a_pool_at_most_one_statement() {
    let Some(mut server) = Private::postgres(&[]).await else { return };
    let options: PgConnectOptions = server.url.parse().unwrap();
    let pinging = PgPoolOptions::new().max_connections(1).connect_lazy_with(options.clone());
    let trusting = PgPoolOptions::new()
        .max_connections(1)
        .test_before_acquire(false)
        .connect_lazy_with(options);
    for pool in [&pinging, &trusting] {
        sqlx::query("SELECT 1").execute(pool).await.unwrap();
        // The connection is returned in the background.
        until(async || pool.num_idle() == 1).await;
    }
    server.restart().await;
    sqlx::query("SELECT 1").execute(&pinging).await.expect("the pool pings first");
    let error = sqlx::query("SELECT 1").execute(&trusting).await.unwrap_err();
    assert_eq!((classified(&error).0, classified(&error).1), ("CONNECTION_LOST", 503), "{error:?}");
    assert!(error.classify().is_retryable());
    sqlx::query("SELECT 1").execute(&trusting).await.expect("a new connection");
    server.end().await;
}

#[tokio::test]
async fn diagnosis_finds_a_full_server_behind_pool_timed_out() {
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
    assert_eq!((code(&direct).as_str(), classified(&direct).0), ("53300", "TOO_MANY_CONNECTIONS"));
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
async fn diagnosis_finds_a_server_that_is_shutting_down() {
    let Some(server) = Private::postgres(&[]).await else { return };
    let options: PgConnectOptions = server.url.parse().unwrap();
    let mut last = options.connect().await.unwrap();
    // As `pg_ctl stop --mode=smart` does.
    let smart = "COPY (SELECT 1) TO PROGRAM 'kill -TERM $(head -n 1 postmaster.pid)'";
    sqlx::query(smart).execute(&mut last).await.unwrap();

    let mut direct = None;
    until(async || {
        direct = options.connect().await.err();
        direct.is_some()
    })
    .await;
    let direct = direct.unwrap();
    assert_eq!((code(&direct).as_str(), classified(&direct).0), ("57P03", "CONNECT_FAILED"));
    assert_eq!((classified(&direct).1, classified(&direct).3), (503, Sent::Never));
    let pool = PgPoolOptions::new()
        .max_connections(5)
        .acquire_timeout(PATIENCE)
        .connect_lazy_with(options);
    let error = pool.acquire().await.unwrap_err();
    assert!(matches!(error, Error::PoolTimedOut), "{error:?}");
    let diagnosis = answered(&pool).await;
    assert_eq!((answer(&diagnosis), diagnosis.kind()), (REFUSED, Some(SqlKind::ServerNotReady)));
    // Existing sessions go on.
    sqlx::query("SELECT 1").execute(&mut last).await.unwrap();
    last.close().await.unwrap();
    server.end().await;
}

#[tokio::test]
async fn diagnosis_finds_a_full_and_a_stopped_mariadb() {
    // One more is reserved for an administrator, such as root.
    let Some(mut server) = Private::mysql(&["--max-connections=10"]).await else { return };
    let options: MySqlConnectOptions = server.url.parse().unwrap();
    let mut held = Vec::new();
    let direct = loop {
        match options.connect().await {
            Ok(session) => held.push(session),
            Err(error) => break error,
        }
    };
    assert_eq!((code(&direct).as_str(), classified(&direct).0), ("1040", "TOO_MANY_CONNECTIONS"));
    assert_eq!((classified(&direct).1, classified(&direct).3), (503, Sent::Never));
    // Unlike with PostgreSQL, the pool returns this error unchanged and immediately.
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
    eventually(async || pool.acquire().await).await;
    server.end().await;
}

#[tokio::test]
async fn diagnosis_reports_any_other_error_it_finds() {
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
async fn diagnosis_returns_other_errors_unchanged() {
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

/// A pool whose server accepts connections but never answers, and the number of connections.
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
async fn concurrent_diagnoses_share_one_bounded_attempt() {
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
async fn dropped_diagnosis_does_not_cancel_the_shared_attempt() {
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
async fn diagnosis_can_be_the_source_of_an_error() {
    let (pool, _) = silent().await;
    let error = UserError::from(diagnose(&pool, Error::PoolTimedOut).await);
    assert_eq!(error.classify().code(), "CONNECT_FAILED");
    assert_eq!(error.public_message(), "The service is temporarily unavailable");
}
