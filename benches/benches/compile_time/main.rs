//! How long 200 async functions take to compile: plain, with `#[tracing::instrument]`, and with the
//! full nest.
//!
//! `cargo bench -p resilience-benches --bench compile_time`, or with `-- --quick` for one round. With
//! `-- --counts` it counts the instructions of rustc for 40 functions, with `--emit=metadata` and
//! with `--emit=link`. `-- --counts link` counts only the latter.
//!
//! Each kind is a crate of its own in a workspace under `target/bench/`, whose dependencies are the
//! same for all and are built beforehand. A round touches each crate and compiles it again, which
//! leaves cargo nothing to do but this crate.

mod counts;
mod generate;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use generate::Kind;

const FUNCTIONS: usize = 200;

fn main() -> ExitCode {
    if let Some(code) = counts::wrap() {
        return code;
    }
    let arguments: Vec<String> = std::env::args().collect();
    let position = |name: &str| arguments.iter().position(|argument| argument == name);
    let result = if let Some(at) = position("--counts") {
        // cargo appends `--bench`.
        let only = arguments.get(at + 1).filter(|argument| !argument.starts_with("--"));
        counts::run(only.map(String::as_str))
    } else {
        run(if position("--quick").is_some() { 1 } else { 9 })
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(rounds: usize) -> Result<(), String> {
    let workspace = generate::workspace(FUNCTIONS)
        .map_err(|error| format!("cannot write the crates: {error}"))?;
    println!(
        "{FUNCTIONS} functions per crate; milliseconds, whole cargo call included; {rounds} rounds\n"
    );
    println!("| command | kind | minimum | median | ÷ `#[instrument]` |");
    println!("|---|---|---|---|---|");
    for command in ["check", "build"] {
        // Dependencies, and the caches of the file system.
        for kind in Kind::ALL {
            compile(&workspace, command, kind, &[])?;
        }
        let mut samples = Kind::ALL.map(|_| Vec::new());
        for round in 0..rounds {
            for step in 0..Kind::ALL.len() {
                let index = (round + step) % Kind::ALL.len();
                let kind = Kind::ALL[index];
                generate::touch(&workspace, kind, FUNCTIONS)
                    .map_err(|error| format!("cannot touch a crate: {error}"))?;
                let start = Instant::now();
                compile(&workspace, command, kind, &[])?;
                samples[index].push(start.elapsed().as_secs_f64() * 1e3);
            }
        }
        report(command, samples);
    }
    Ok(())
}

fn compile(
    workspace: &Path,
    command: &str,
    kind: Kind,
    environment: &[(&str, PathBuf)],
) -> Result<(), String> {
    let status = Command::new(env!("CARGO"))
        .args([command, "--quiet", "--offline", "--package", kind.package()])
        .current_dir(workspace)
        .env("CARGO_TARGET_DIR", workspace.join("target"))
        // Or most of an unchanged crate would be taken from the last round.
        .env("CARGO_INCREMENTAL", "0")
        .envs(environment.iter().map(|(name, value)| (name, value)))
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
