//! A peer that isn't the database is a failure of the callee: our client gets a 502 or 503, and a
//! breaker counts it.

use resilience::circuit_breaker::CircuitState;
use resilience::{CircuitBreaker, Classify as _, circuit_breaker, timeout};
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// What other servers answer, or send at once.
const GARBAGE: [&[u8]; 6] = [
    b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"-ERR unknown command\r\n",
    b"\x15\x03\x01\x00\x02\x02\x46",
    b"\x05\x00\x00\x00\x0b8.0.1",
    b"",
];

/// The port of a server that sends `answer` to each client.
async fn answering(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let _ = client.write_all(answer).await;
            let _ = client.shutdown().await;
            let _ = client.read(&mut [0; 512]).await;
        }
    });
    port
}

static DATABASE: CircuitBreaker = CircuitBreaker::new("database").failure_threshold(2);

#[circuit_breaker(DATABASE)]
#[timeout("5s")]
async fn connect_postgres(port: u16) -> Result<(), sqlx::Error> {
    let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(port);
    options.ssl_mode(PgSslMode::Disable).connect().await?.close().await
}

#[circuit_breaker(DATABASE)]
#[timeout("5s")]
async fn connect_mysql(port: u16) -> Result<(), sqlx::Error> {
    let options = MySqlConnectOptions::new().host("127.0.0.1").port(port);
    options.ssl_mode(MySqlSslMode::Disabled).connect().await?.close().await
}

#[tokio::test]
async fn garbage_from_a_database_opens_the_circuit() {
    let mut malformed = 0;
    for answer in GARBAGE {
        let port = answering(answer).await;
        for is_postgres in [true, false] {
            let case = format!("{} {is_postgres}", answer.escape_ascii());
            DATABASE.reset();
            for _ in 0..2 {
                assert_eq!(DATABASE.state(), CircuitState::Closed, "{case}");
                let outcome = if is_postgres {
                    connect_postgres(port).await
                } else {
                    connect_mysql(port).await
                };
                let error = outcome.unwrap_err();
                let class = error.classify();
                assert!(matches!(class.status(), 502 | 503), "{case}: {error:?}");
                if class.code() == "UPSTREAM_INVALID_RESPONSE" {
                    assert!(!class.is_retryable(), "{case}");
                    malformed += 1;
                }
            }
            assert_eq!(DATABASE.state(), CircuitState::Open, "{case}");
        }
    }
    // The others announce more bytes than they send, which is the same as a lost connection.
    assert_eq!(malformed, 8, "4 of 12 cases, each twice");
}
