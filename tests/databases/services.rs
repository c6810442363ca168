//! `tests/with-services` returns the exit code of its command, and leaves nothing behind.

use std::process::Stdio;

use resilience_test_support::databases::{Scratch, skip, until};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

fn with_redis(scratch: &Scratch, script: &str) -> Option<Command> {
    if std::env::var_os("RESILIENCE_REDIS_URL").is_none() {
        skip("Redis");
        return None;
    }
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../with-services"));
    command.args(["--only", "redis", "sh", "-c", script]).env("TMPDIR", scratch.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    Some(command)
}

fn is_empty(scratch: &Scratch) -> bool {
    std::fs::read_dir(scratch.path()).expect("the directory").next().is_none()
}

#[tokio::test]
async fn exit_code_is_that_of_the_command() {
    let scratch = Scratch::new();
    for (script, code) in [("exit 0", 0), ("test -n \"$RESILIENCE_REDIS_URL\" && exit 42", 42)] {
        let Some(mut command) = with_redis(&scratch, script) else { return };
        assert_eq!(command.status().await.expect("a status").code(), Some(code));
        assert!(is_empty(&scratch), "{script}");
    }
}

#[tokio::test]
async fn killed_script_leaves_nothing_behind() {
    for (signal, code) in [("TERM", Some(143)), ("KILL", None)] {
        let scratch = Scratch::new();
        let Some(mut command) = with_redis(&scratch, "echo $RESILIENCE_REDIS_URL; exec sleep 600")
        else {
            return;
        };
        let mut script = command.spawn().expect("the script");
        let address = address(&mut script).await;
        TcpStream::connect(&address).await.expect("a server");

        let id = script.id().expect("it runs").to_string();
        assert!(
            Command::new("kill")
                .args([&format!("-{signal}"), &id])
                .status()
                .await
                .expect("kill")
                .success()
        );
        assert_eq!(script.wait().await.expect("a status").code(), code);
        until(async || is_empty(&scratch)).await;
        assert!(TcpStream::connect(&address).await.is_err(), "the server is gone");
    }
}

async fn address(script: &mut Child) -> String {
    let mut lines = BufReader::new(script.stdout.take().expect("a pipe")).lines();
    let url = lines.next_line().await.expect("readable").expect("the URL");
    url.trim_start_matches("redis://").trim_end_matches('/').to_owned()
}
