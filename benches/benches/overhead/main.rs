//! What a call costs that succeeds at once: bare, written by hand, with the attributes, and with
//! every peer, in one run.
//!
//! `cargo bench -p resilience-benches --bench overhead`, or with `-- --quick` for a look that takes
//! a second or two.

mod allocations;
mod body;
mod hand_written;
mod harness;
mod ours;
mod peers;
mod report;

use std::process::ExitCode;
use std::time::Duration;

use harness::{Contender, Plan};

fn main() -> ExitCode {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let plan = if quick {
        Plan { rounds: 5, sample: Duration::from_micros(100) }
    } else {
        Plan { rounds: 400, sample: Duration::from_millis(1) }
    };
    // Peers spawn their timers' driver here; nothing ever waits for it.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
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
