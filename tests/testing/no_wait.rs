//! Skipped waits, on the real clock: nothing here takes long, and nothing is measured exactly.

use std::time::Instant;

use resilience::testing::{Recorder, Script, isolated};
use resilience::{Retry, millis, retry, secs, timeout};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::isolated::CallError;

#[retry(idempotent, attempts = 5, base = "10m", max_delay = "1h")]
#[timeout("10s")]
async fn patient(callee: &Script<u32, CallError>) -> Result<u32, CallError> {
    callee.call().await
}

#[tokio::test]
#[isolated(no_wait)]
async fn waits_between_attempts_are_skipped() {
    let log = Recorder::start();
    let callee = Script::new().fails(4).answers(7);
    let began = Instant::now();
    assert_eq!(patient(&callee).await.unwrap(), 7);
    assert!(began.elapsed() < secs(60));
    log.assert_retried(4);
    let delay = &log.named("retry_scheduled")[0];
    let delay: u64 = delay.field("delay_ms").unwrap().parse().unwrap();
    assert!(delay >= 600_000, "the event has the delay that would have been");
}

#[tokio::test(start_paused = true)]
async fn waits_are_kept_without_it() {
    let callee = Script::new().fails(1).answers(7);
    assert_eq!(isolated(patient(&callee)).await.unwrap(), 7);
    assert!(callee.gaps()[0] >= secs(600));
}

#[test]
#[isolated(no_wait)]
fn blocking_waits_are_skipped_too() {
    let began = Instant::now();
    let wait = || {
        let mut attempts = retry::Attempts::new();
        let error = resilience::errors::ServiceUnavailable::new("callee");
        let policy = Retry::new().base(secs(600)).max_delay(secs(3600));
        let budget = resilience::RetryBudget::standard();
        let site = resilience::registry::Site::new("callee", "call", "", "", 0);
        let rules = retry::RetryRules::new(&policy, &budget, &site);
        attempts.judge(error, resilience::Classify::classify, rules).unwrap().block();
    };
    wait();
    assert!(began.elapsed() < secs(60));
}

#[derive(Debug, thiserror::Error, resilience::ServiceError)]
enum FetchError {
    #[error(transparent)]
    #[service(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] resilience::Rejected),
}

#[retry(idempotent, base = "10m", max_delay = "1h")]
#[timeout("30s")]
async fn fetch(address: std::net::SocketAddr) -> Result<u8, FetchError> {
    let mut stream = TcpStream::connect(address).await?;
    Ok(stream.read_u8().await?)
}

/// What a paused clock can't test: it jumps to the timeout while the answer is on its way.
#[tokio::test]
#[isolated(no_wait)]
async fn timeouts_keep_their_time_over_a_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for number in 0..3_u8 {
            let (mut stream, _) = listener.accept().await.unwrap();
            // The first two calls get no answer: the connection is closed.
            if number == 2 {
                tokio::time::sleep(millis(20)).await;
                stream.write_all(b"7").await.unwrap();
            }
        }
    });

    let log = Recorder::start();
    assert_eq!(fetch(address).await.unwrap(), b'7');
    log.assert_retried(2);
    assert!(log.named("call_timed_out").is_empty());
}

#[tokio::test(start_paused = true)]
#[isolated(no_wait)]
async fn wait_past_the_deadline_is_not_begun() {
    #[timeout("20s")]
    #[retry(idempotent, base = "15s", jitter = "none", external_timeout)]
    async fn hurried(callee: &Script<u32, CallError>) -> Result<u32, CallError> {
        callee.call().await
    }
    let log = Recorder::start();
    // The second wait would be 30 s.
    let callee = Script::new().after(millis(1)).fails(1).forever();
    hurried(&callee).await.unwrap_err();
    log.assert_stopped("deadline");
    callee.assert_calls(2);
}
