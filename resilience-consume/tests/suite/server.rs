//! The servers that `tests/with-services` starts.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// The URL of a server, or `None`, with a note, if there is none.
pub fn url(service: &str) -> Option<String> {
    let found = std::env::var(format!("RESILIENCE_{}_URL", service.to_uppercase())).ok();
    if found.is_none() {
        let required = std::env::var_os("RESILIENCE_REQUIRE_SERVICES").is_some_and(|it| it == "1");
        assert!(!required, "{service} isn't there; run this with tests/with-services");
        eprintln!("skipped: {service} isn't there; run this with tests/with-services");
    }
    found
}

/// A name that no other test uses.
pub fn unique(name: &str) -> String {
    let id = uuid::Uuid::now_v7().simple().to_string();
    format!("{}-{}", &name[..name.len().min(30)], &id[20..])
}

/// A server of the test's own, which it can stop and start.
pub struct Controlled {
    _process: Child,
    words: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    pub url: String,
}

impl Controlled {
    pub async fn start(service: &str) -> Option<Self> {
        url(service)?;
        let mut process =
            Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/with-services"))
                .args(["--control", service])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
        let words = process.stdin.take().unwrap();
        let mut answers = BufReader::new(process.stdout.take().unwrap()).lines();
        let url = answers.next_line().await.unwrap().expect("the server has started");
        Some(Self { _process: process, words, answers, url })
    }

    pub async fn tell(&mut self, word: &str) {
        self.words.write_all(format!("{word}\n").as_bytes()).await.unwrap();
        assert_eq!(self.answers.next_line().await.unwrap().as_deref(), Some("ok"));
    }
}
