//! Checks exact counts against `benches/counts.txt`: instructions, future size and allocations per
//! call of an attribute, both successful and rejected.
//!
//! Instruction counts are specific to a compiler. With a different one, differences are only
//! reported. The counts include the loop around the call, which takes fourteen instructions.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use crate::harness::Contender;
use crate::ours;

const FILE: &str = "counts.txt";

/// How many more instructions are accepted, in percent: processors differ in how they copy.
const TOLERANCE: u64 = 5;

#[derive(Debug, PartialEq, Eq)]
struct Count {
    case: String,
    /// `None` without valgrind.
    instructions: Option<u64>,
    future: usize,
    allocations: u64,
}

pub(crate) fn check(write: bool) -> ExitCode {
    match counted().and_then(|(compiler, counts)| {
        if write { write_down(&compiler, &counts) } else { compare(&compiler, &counts) }
    }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(FILE)
}

/// Returns the compiler and the current counts.
fn counted() -> Result<(String, Vec<Count>), String> {
    let has_valgrind = Command::new("valgrind").arg("--version").output().is_ok();
    if !has_valgrind {
        println!("skipped: valgrind isn't installed");
    }
    let runtime = crate::runtime();
    let _context = runtime.enter();
    let count = |contender: &Contender| {
        let case = contender.case.name().to_owned();
        let instructions = if has_valgrind { Some(instructions(&case)?) } else { None };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small number, rounded"
        )]
        let allocations = contender.allocations().round() as u64;
        Ok(Count { case, instructions, future: contender.future.unwrap_or(0), allocations })
    };
    let counts = ours::contenders().iter().map(count).collect::<Result<_, String>>()?;
    Ok((compiler()?, counts))
}

fn compiler() -> Result<String, String> {
    let rustc = Command::new("rustc").arg("--version").output();
    let rustc = rustc.map_err(|error| format!("cannot run rustc: {error}"))?;
    Ok(format!("{}, {}", String::from_utf8_lossy(&rustc.stdout).trim(), std::env::consts::ARCH))
}

/// Measured over ten thousand calls, excluding the program's start-up.
fn instructions(case: &str) -> Result<u64, String> {
    const FEW: u64 = 1_000;
    const MANY: u64 = 11_000;
    let (few, many) = (collected(case, FEW)?, collected(case, MANY)?);
    Ok((many.saturating_sub(few) + (MANY - FEW) / 2) / (MANY - FEW))
}

fn collected(case: &str, calls: u64) -> Result<u64, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(this)
        .args(["--calls", &calls.to_string(), case])
        .output()
        .map_err(|error| format!("cannot run valgrind: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected =
        text.split("Collected :").nth(1).and_then(|rest| rest.split_whitespace().next());
    collected
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| format!("valgrind has counted nothing: {text}"))
}

fn write_down(compiler: &str, counts: &[Count]) -> Result<(), String> {
    let mut text = format!("{compiler}\n\n");
    text.push_str("| case | instructions | future | allocations |\n|---|---|---|---|\n");
    for Count { case, instructions, future, allocations } in counts {
        let instructions = instructions.ok_or("without valgrind there is nothing to write down")?;
        let _ = writeln!(text, "| {case} | {instructions} | {future} | {allocations} |");
    }
    std::fs::write(path(), text).map_err(|error| format!("cannot write {FILE}: {error}"))
}

fn compare(compiler: &str, counts: &[Count]) -> Result<(), String> {
    let text = std::fs::read_to_string(path()).map_err(|error| format!("{FILE}: {error}"))?;
    let known_compiler = text.lines().next().unwrap_or_default();
    let same_compiler = known_compiler == compiler;
    if !same_compiler {
        println!(
            "{FILE} was written with {known_compiler}, and this is {compiler}: only allocations must match"
        );
    }
    let known: Vec<Count> = text.lines().filter_map(parse).collect();
    if known.len() != counts.len() {
        return Err(format!("{FILE} has {} cases, and there are {}", known.len(), counts.len()));
    }
    let mut worse = false;
    for count in counts {
        let Some(known) = known.iter().find(|known| known.case == count.case) else {
            return Err(format!("{FILE} has no case {}", count.case));
        };
        let instructions = count.instructions.zip(known.instructions);
        let spent = instructions.is_some_and(|(now, then)| 100 * now > (100 + TOLERANCE) * then);
        let same = !spent && count.future == known.future && count.allocations == known.allocations;
        let differs = if same { "" } else { "  <- differs" };
        println!(
            "{}: {} instructions ({}), a future of {} bytes ({}), {} allocations ({}){differs}",
            count.case,
            count.instructions.map_or_else(|| "?".to_owned(), |now| now.to_string()),
            known.instructions.unwrap_or_default(),
            count.future,
            known.future,
            count.allocations,
            known.allocations,
        );
        worse |= !same && (same_compiler || count.allocations != known.allocations);
    }
    if worse {
        return Err(format!(
            "the counts differ from benches/{FILE}; to accept them, run `cargo bench -p resilience-benches --bench overhead -- --counts --write`"
        ));
    }
    Ok(())
}

/// Parses a row of numbers.
fn parse(line: &str) -> Option<Count> {
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    let ["", case, instructions, future, allocations, ""] = cells[..] else { return None };
    Some(Count {
        case: case.to_owned(),
        instructions: Some(instructions.parse().ok()?),
        future: future.parse().ok()?,
        allocations: allocations.parse().ok()?,
    })
}
