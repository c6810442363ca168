//! How long 200 async functions take to compile: plain, with `#[tracing::instrument]`, and with the
//! full nest.
//!
//! `cargo bench -p resilience-benches --bench compile_time`, or with `-- --quick` for one round.
//!
//! Each kind is a crate of its own in a workspace under `target/bench/`, whose dependencies are the
//! same for all and are built beforehand. A round touches each crate and compiles it again, which
//! leaves cargo nothing to do but this crate.

mod generate;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use generate::Kind;

fn main() -> ExitCode {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let rounds = if quick { 1 } else { 9 };
    match run(rounds) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(rounds: usize) -> Result<(), String> {
    let workspace =
        generate::workspace().map_err(|error| format!("cannot write the crates: {error}"))?;
    println!(
        "{} functions per crate; milliseconds, whole cargo call included; {rounds} rounds\n",
        generate::FUNCTIONS
    );
    println!("| command | kind | minimum | median | ÷ `#[instrument]` |");
    println!("|---|---|---|---|---|");
    for command in ["check", "build"] {
        // Dependencies, and the caches of the file system.
        for kind in Kind::ALL {
            compile(&workspace, command, kind)?;
        }
        let mut samples = Kind::ALL.map(|_| Vec::new());
        for round in 0..rounds {
            for step in 0..Kind::ALL.len() {
                let index = (round + step) % Kind::ALL.len();
                let kind = Kind::ALL[index];
                generate::touch(&workspace, kind)
                    .map_err(|error| format!("cannot touch a crate: {error}"))?;
                let start = Instant::now();
                compile(&workspace, command, kind)?;
                samples[index].push(start.elapsed().as_secs_f64() * 1e3);
            }
        }
        report(command, samples);
    }
    Ok(())
}

fn compile(workspace: &Path, command: &str, kind: Kind) -> Result<(), String> {
    let status = Command::new(env!("CARGO"))
        .args([command, "--quiet", "--offline", "--package", kind.package()])
        .current_dir(workspace)
        .env("CARGO_TARGET_DIR", workspace.join("target"))
        // Or most of an unchanged crate would be taken from the last round.
        .env("CARGO_INCREMENTAL", "0")
        .stdout(Stdio::null())
        .status()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`cargo {command}` of {} failed", kind.package()))
    }
}

fn report(command: &str, mut samples: [Vec<f64>; Kind::ALL.len()]) {
    for samples in &mut samples {
        samples.sort_by(f64::total_cmp);
    }
    let instrument = samples[Kind::Instrument as usize][0];
    for (kind, samples) in Kind::ALL.into_iter().zip(&samples) {
        let (minimum, median) = (samples[0], samples[samples.len() / 2]);
        let ratio = minimum / instrument;
        println!("| cargo {command} | {} | {minimum:.0} | {median:.0} | {ratio:.2} |", kind.name());
    }
}
