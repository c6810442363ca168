//! A call that is dropped while it waits for an answer of the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use resilience::transaction;
use sqlx::Connection as _;
use sqlx::mysql::{MySqlConnection, MySqlPool, MySqlPoolOptions};
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::support::{CallError, mysql, postgres};

/// A proxy that can hold back the answers of the server.
struct Proxy {
    port: u16,
    held: Arc<AtomicBool>,
    /// Notified when an answer is held back.
    withheld: Arc<Notify>,
}

impl Proxy {
    async fn start(host: String, port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port_here = listener.local_addr().unwrap().port();
        let proxy = Self { port: port_here, held: Arc::default(), withheld: Arc::default() };
        let (held, withheld) = (Arc::clone(&proxy.held), Arc::clone(&proxy.withheld));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect((host.as_str(), port)).await.unwrap();
                tokio::spawn(pass_on(client, server, Arc::clone(&held), Arc::clone(&withheld)));
            }
        });
        proxy
    }

    fn hold(&self, held: bool) {
        self.held.store(held, SeqCst);
    }
}

async fn pass_on(
    client: TcpStream,
    server: TcpStream,
    held: Arc<AtomicBool>,
    withheld: Arc<Notify>,
) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = from_server.read(&mut bytes).await {
        while held.load(SeqCst) {
            withheld.notify_one();
            sleep(Duration::from_millis(5)).await;
        }
        if to_client.write_all(&bytes[..read]).await.is_err() {
            break;
        }
    }
}

macro_rules! interrupted {
    ($database:ident, $pool:ty, $options:ty, $connection:ty, $open:path, $insert:literal) => {
        mod $database {
            use super::*;

            #[transaction(tx = pool)]
            async fn insert(pool: &$pool) -> Result<(), CallError> {
                sqlx::query("INSERT INTO entries (id) VALUES (1)").execute(&mut *tx).await?;
                Ok(())
            }

            /// Drops `call` while it waits for the answer to its `BEGIN`, and then writes a row on
            /// the pool's only connection. Returns whether other sessions see that row.
            async fn next_write_is_kept<T>(call: impl AsyncFn(&$pool) -> T) -> Option<bool> {
                let direct = $open(1).await?;
                let options = (*direct.connect_options()).clone();
                let proxy = Proxy::start(options.get_host().to_owned(), options.get_port()).await;
                // Otherwise the ping before each use would wait for an answer.
                let pool = <$options>::new().max_connections(1).test_before_acquire(false);
                let pool = pool.connect_with(options.port(proxy.port)).await.unwrap();

                proxy.hold(true);
                tokio::select! {
                    _ = call(&pool) => panic!("it hasn't been answered"),
                    () = proxy.withheld.notified() => {}
                }
                proxy.hold(false);

                sqlx::query("INSERT INTO entries (id) VALUES (2)").execute(&pool).await.unwrap();
                let mut apart =
                    <$connection>::connect_with(&direct.connect_options()).await.unwrap();
                let ids: Vec<i32> = sqlx::query_scalar("SELECT id FROM entries")
                    .fetch_all(&mut apart)
                    .await
                    .unwrap();
                assert!(!ids.contains(&1));
                Some(ids == [2])
            }

            #[tokio::test]
            async fn call_dropped_during_begin_leaves_no_open_transaction() {
                let Some(kept) = next_write_is_kept(async |pool| insert(pool).await).await else {
                    return;
                };
                assert!(kept);
            }

            /// Lets nothing through from its last statement on.
            #[transaction(tx = pool)]
            async fn is_cut_short(
                pool: &$pool,
                proxy: &Proxy,
                prepared: bool,
            ) -> Result<(), CallError> {
                if prepared {
                    sqlx::query($insert).bind(7).execute(&mut *tx).await?;
                }
                proxy.hold(true);
                sqlx::query($insert).bind(1).execute(&mut *tx).await?;
                Ok(())
            }

            #[tokio::test]
            async fn call_dropped_during_a_statement_leaves_a_usable_pool() {
                let Some(direct) = $open(1).await else { return };
                let options = (*direct.connect_options()).clone();
                let proxy = Proxy::start(options.get_host().to_owned(), options.get_port()).await;
                let options = options.port(proxy.port);
                for prepared in [true, false] {
                    let pool = <$options>::new().max_connections(1).test_before_acquire(false);
                    let pool = pool.connect_with(options.clone()).await.unwrap();
                    tokio::select! {
                        _ = is_cut_short(&pool, &proxy, prepared) => panic!("it hasn't been answered"),
                        () = proxy.withheld.notified() => {}
                    }
                    proxy.hold(false);
                    if !prepared {
                        // On MySQL, sqlx waits for more answers than there are.
                        tokio::task::yield_now().await;
                        tokio::time::pause();
                        tokio::time::advance(Duration::from_secs(31)).await;
                        tokio::time::resume();
                    }
                    sqlx::query($insert).bind(2).execute(&pool).await.unwrap();
                    let ids: Vec<i32> = sqlx::query_scalar("SELECT id FROM entries")
                        .fetch_all(&*direct)
                        .await
                        .unwrap();
                    assert_eq!(ids, [2], "prepared: {prepared}");
                    sqlx::query("DELETE FROM entries").execute(&pool).await.unwrap();
                }
            }

            /// When this fails, `Checkout` no longer needs to close such a connection.
            #[tokio::test]
            async fn sqlx_alone_loses_the_next_write() {
                let Some(kept) =
                    next_write_is_kept(async |pool| pool.begin().await.map(drop)).await
                else {
                    return;
                };
                assert!(!kept);
            }
        }
    };
}

interrupted!(
    of_postgres,
    PgPool,
    PgPoolOptions,
    PgConnection,
    postgres,
    "INSERT INTO entries (id) VALUES ($1)"
);
interrupted!(
    of_mysql,
    MySqlPool,
    MySqlPoolOptions,
    MySqlConnection,
    mysql,
    "INSERT INTO entries (id) VALUES (?)"
);
