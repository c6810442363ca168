use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A server for one test, which may stop it. It ends when the value is dropped or the process ends.
pub struct Private {
    /// Its address, which a restart keeps.
    pub url: String,
    process: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Private {
    /// A PostgreSQL with these arguments, or `None` after printing a note if there is none.
    #[track_caller]
    pub fn postgres(arguments: &[&str]) -> impl Future<Output = Option<Self>> {
        Self::with_environment("postgres", "PostgreSQL", arguments, &[])
    }

    /// A MariaDB with these arguments, or `None` after printing a note if there is none.
    #[track_caller]
    pub fn mysql(arguments: &[&str]) -> impl Future<Output = Option<Self>> {
        Self::with_environment("mysql", "MariaDB", arguments, &[])
    }

    /// The same, with variables in the server's environment.
    #[track_caller]
    pub fn with_environment(
        service: &str,
        needs: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> impl Future<Output = Option<Self>> {
        // Where there is a shared server, a private one can be started too.
        let shared =
            super::shared::url(&format!("RESILIENCE_{}_URL", service.to_uppercase()), needs);
        let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../with-services"));
        command.arg("--control").arg(service).args(arguments).envs(environment.iter().copied());
        // The end of its standard input stops it; after a signal its supervisor would have to stop
        // the server.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(false);
        async move {
            shared?;
            let mut process = command.spawn().expect("tests/with-services");
            let commands = process.stdin.take().expect("a pipe");
            let mut answers = BufReader::new(process.stdout.take().expect("a pipe")).lines();
            let url = answers.next_line().await.expect("readable").expect("the server starts");
            Some(Self { url, process, commands, answers })
        }
    }

    /// Stops the server as an administrator does: it disconnects its clients.
    pub async fn stop(&mut self) {
        self.send("stop").await;
    }

    /// Starts it again, at the same address.
    pub async fn start(&mut self) {
        self.send("start").await;
    }

    /// Stops it and starts it again.
    pub async fn restart(&mut self) {
        self.send("restart").await;
    }

    /// Waits until the server and its files are gone.
    pub async fn end(mut self) {
        drop(self.commands);
        let status = self.process.wait().await.expect("an exit code");
        assert!(status.success(), "{status}");
    }

    async fn send(&mut self, command: &str) {
        self.commands.write_all(format!("{command}\n").as_bytes()).await.expect("it listens");
        let answer = self.answers.next_line().await.expect("readable");
        assert_eq!(answer.as_deref(), Some("ok"), "{command}");
    }
}
