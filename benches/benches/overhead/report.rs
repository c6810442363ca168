//! The tables, and the file that plots are made from.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use crate::hand_written::{EQUAL, SHOWN, WITH_TOKIO};
use crate::harness::{Case, Contender, Measured};
use crate::peers;

pub(crate) fn times(measured: &[Measured]) {
    let find = |case: Case, threads: usize, name: &str| {
        measured
            .iter()
            .find(|found| found.case == case && found.threads == threads && found.name == name)
    };
    println!("Nanoseconds per call and thread, the fastest sample of each; all in one run.\n");
    let mut head = vec!["case", "threads", "bare", "hand-written", "ours"];
    head.extend(peers::NAMES);
    head.extend(["ours ÷ best peer", "ours ÷ hand-written", "ours − bare"]);
    row(&head);
    row(&vec!["---"; head.len()]);
    for case in Case::ALL {
        for threads in [1, 2] {
            let ns = |name: &str| find(case, threads, name).map(|found| found.minimum);
            let best = peers::NAMES.iter().filter_map(|name| ns(name)).min_by(f64::total_cmp);
            let (bare, ours, hand) = (ns("bare"), ns("ours"), ns("hand-written"));
            let mut cells = vec![
                case.name().to_owned(),
                threads.to_string(),
                show(bare),
                show(hand),
                show(ours),
            ];
            cells.extend(peers::NAMES.iter().map(|name| show(ns(name))));
            cells.push(ratio(ours, best));
            cells.push(ratio(ours, hand));
            cells.push(show(ours.zip(bare).map(|(ours, bare)| ours - bare)));
            row(&cells);
        }
    }
    println!();
    for case in [Case::FullNest, Case::FullNestLarge] {
        if let Some(found) = find(case, 1, WITH_TOKIO) {
            println!("{}, {WITH_TOKIO}, one thread: {:.1} ns", case.name(), found.minimum);
        }
    }
    for case in [Case::Retry, Case::FullNest] {
        let ns = |name: &str| find(case, 1, name).map_or(0.0, |found| found.minimum);
        println!(
            "{}, one thread, by hand: {:.1} ns; with the body's context: {:.1} ns; and with what a failure would write down: {:.1} ns; ours: {:.1} ns",
            case.name(),
            ns("hand-written"),
            ns(SHOWN),
            ns(EQUAL),
            ns("ours")
        );
    }
    let mut noise: Vec<_> = measured.iter().map(|found| found.median / found.minimum).collect();
    noise.sort_by(f64::total_cmp);
    println!(
        "noise: the median sample takes {:.2} times the fastest one, in the median lane",
        noise[noise.len() / 2]
    );
}

pub(crate) fn counts(contenders: &[Contender]) {
    println!(
        "\nExact, on one thread: the future's size in bytes (a tower service has none to ask), and allocations per call.\n"
    );
    row(&["case", "name", "future", "allocations"]);
    row(&["---"; 4]);
    for case in Case::ALL {
        for contender in contenders.iter().filter(|contender| contender.case == case) {
            let allocations = contender.allocations();
            let future = contender.future.map_or_else(|| "–".to_owned(), |size| size.to_string());
            row(&[
                case.name().to_owned(),
                contender.name.to_owned(),
                future,
                format!("{allocations:.2}"),
            ]);
        }
    }
}

/// To `target/bench/overhead.json` of the workspace.
pub(crate) fn write_json(measured: &[Measured]) -> io::Result<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    std::fs::create_dir_all(&directory)?;
    let mut json = String::new();
    for found in measured.iter().filter(|found| ![WITH_TOKIO, SHOWN, EQUAL].contains(&found.name)) {
        let separator = if json.is_empty() { "[\n" } else { ",\n" };
        let (case, name, ns, threads) =
            (found.case.name(), found.name, found.minimum, found.threads);
        let _ = write!(
            json,
            r#"{separator}  {{ "case": "{case}", "name": "{name}", "ns": {ns:.2}, "threads": {threads} }}"#
        );
    }
    json.push_str("\n]\n");
    let file = directory.canonicalize()?.join("overhead.json");
    std::fs::write(&file, json)?;
    Ok(file)
}

fn row(cells: &[impl AsRef<str>]) {
    let cells: Vec<_> = cells.iter().map(AsRef::as_ref).collect();
    println!("| {} |", cells.join(" | "));
}

fn show(ns: Option<f64>) -> String {
    ns.map_or_else(|| "–".to_owned(), |ns| format!("{ns:.1}"))
}

fn ratio(ours: Option<f64>, other: Option<f64>) -> String {
    ours.zip(other).map_or_else(|| "–".to_owned(), |(ours, other)| format!("{:.2}", ours / other))
}
