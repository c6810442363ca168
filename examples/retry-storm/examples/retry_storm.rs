//! Simulates what retries do to a service that fails, and plots it.
//!
//! ```sh
//! cargo run --release --example retry_storm -- [FOLDER] [SEED]
//! ```
//!
//! writes `restart.svg`, `restart.png`, `stall.svg`, `stall.png` and `table.md` to the folder, by
//! default `target/retry_storm`, and prints the table. Equal seeds give equal results.

use std::error::Error;
use std::io::{IsTerminal as _, Write as _, stderr};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;
use std::{env, fs, thread};

use resilience_retry_storm::measure::Outcome;
use resilience_retry_storm::policies::Policy;
use resilience_retry_storm::scenario::Scenario;
use resilience_retry_storm::{plot, table};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| "target/retry_storm".to_owned()));
    let seed = match arguments.next() {
        Some(seed) => {
            seed.parse().map_err(|_| format!("`{seed}` is not a seed; write a number"))?
        }
        None => 1,
    };
    fs::create_dir_all(&folder)?;

    let scenarios = [Scenario::restart(), Scenario::stall()];
    let outcomes = run(&scenarios, seed);
    let mut text = String::new();
    for (scenario, outcomes) in scenarios.iter().zip(&outcomes) {
        plot::write(&folder, scenario, outcomes)?;
        text += &table::of(scenario, outcomes);
    }
    fs::write(folder.join("table.md"), &text)?;
    println!("{text}The plots are in {}.", folder.display());
    Ok(())
}

/// Runs all policies through all scenarios, on all cores. Each run has a thread of its own, and so
/// a clock and random numbers of its own.
fn run(scenarios: &[Scenario], seed: u64) -> Vec<Vec<Outcome>> {
    let policies = Policy::all();
    let runs = scenarios.len() * policies.len();
    let seconds: usize = scenarios.iter().map(|scenario| scenario.length * policies.len()).sum();
    let (next, simulated) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let outcomes = Mutex::new(vec![None; runs]);
    let progress = Progress::new(seconds);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                loop {
                    let run = next.fetch_add(1, Relaxed);
                    if run >= runs {
                        return;
                    }
                    let scenario = &scenarios[run / policies.len()];
                    let outcome = scenario.run(&policies[run % policies.len()], seed, |_| {
                        progress.show(simulated.fetch_add(1, Relaxed));
                    });
                    outcomes.lock().expect("no run panics")[run] = Some(outcome);
                }
            });
        }
    });
    progress.clear();
    let mut outcomes = outcomes.into_inner().expect("no run panics").into_iter().flatten();
    scenarios.iter().map(|_| outcomes.by_ref().take(policies.len()).collect()).collect()
}

/// A line on the terminal that says how far the simulation is.
struct Progress {
    is_shown: bool,
    total: usize,
    began: Instant,
}

impl Progress {
    fn new(total: usize) -> Self {
        Self { is_shown: stderr().is_terminal(), total, began: Instant::now() }
    }

    fn show(&self, done: usize) {
        if self.is_shown {
            let percent = 100 * done / self.total;
            let elapsed = self.began.elapsed().as_secs();
            let _ = write!(stderr(), "\rsimulating: {percent} %, {elapsed} s");
        }
    }

    fn clear(&self) {
        if self.is_shown {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
