//! What a call costs that succeeds at once: bare, written by hand, with the attributes, and with
//! every peer, in one run.
//!
//! `cargo bench -p resilience-benches --bench overhead`, or with `-- --quick` for a look that takes
//! a second or two. With `-- --calls 1000 "full nest"` it makes so many calls of the attribute in
//! that case and nothing else, for a profiler; with `-- --counts` it compares exact counts with
//! `counts.txt`.

mod allocations;
mod body;
mod counts;
mod hand_written;
mod harness;
mod ours;
mod peers;
mod report;

use std::process::ExitCode;
use std::time::Duration;

use harness::{Contender, Plan};
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let given = |name: &str| arguments.iter().any(|argument| argument == name);
    if given("--counts") {
        return counts::check(given("--write"));
    }
    if let Some(at) = arguments.iter().position(|argument| argument == "--calls") {
        return profile(&arguments[at + 1..]);
    }
    let quick = given("--quick");
    let plan = if quick {
        Plan { rounds: 5, sample: Duration::from_micros(100) }
    } else {
        Plan { rounds: 400, sample: Duration::from_millis(1) }
    };
    // Peers spawn their timers' driver here; nothing ever waits for it.
    let runtime = runtime();
    let _context = runtime.enter();

    let mut contenders: Vec<Contender> = Vec::new();
    contenders.extend(body::contenders());
    contenders.extend(hand_written::contenders());
    contenders.extend(ours::contenders());
    contenders.extend(peers::contenders());

    let measured = harness::measure(&plan, &contenders, runtime.handle());
    report::times(&measured);
    report::counts(&contenders);
    match report::write_json(&measured) {
        Ok(path) => {
            println!("\nwritten to {}", path.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("cannot write the results: {error}");
            ExitCode::FAILURE
        }
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
}

/// Makes calls of one case, with the attribute or with who is named.
fn profile(arguments: &[String]) -> ExitCode {
    let [calls, case, name @ ..] = arguments else {
        eprintln!("--calls takes a number and a case");
        return ExitCode::FAILURE;
    };
    let name = name.first().map_or("ours", String::as_str);
    let runtime = runtime();
    let _context = runtime.enter();
    let contenders = match name {
        "ours" => ours::contenders(),
        "bare" => body::contenders(),
        name if name.starts_with("hand-written") => hand_written::contenders(),
        _ => peers::contenders(),
    };
    let found =
        contenders.iter().find(|contender| contender.case.name() == case && contender.name == name);
    let (Some(contender), Ok(calls)) = (found, calls.parse()) else {
        eprintln!("no {name} in the case {case}, or {calls} is no number");
        return ExitCode::FAILURE;
    };
    contender.run(calls);
    ExitCode::SUCCESS
}
