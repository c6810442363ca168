//! Counts the instructions of rustc, which don't depend on how busy the machine is.
//!
//! cargo calls this program in place of rustc, for the crates that are counted. It calls rustc
//! under callgrind.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::generate::{self, Kind};

/// Fewer than are timed, since callgrind takes fifty times as long.
const FUNCTIONS: usize = 40;

/// Where callgrind writes its log. Set while cargo calls this program.
const LOG: &str = "RESILIENCE_CALLGRIND_LOG";

/// The commands of cargo that are counted, and what rustc emits then.
const COMMANDS: [(&str, &str); 2] = [("check", "metadata"), ("build", "link")];

/// Prints the counts of `--emit=metadata` and of `--emit=link`, or of the one that is named.
pub(crate) fn run(only: Option<&str>) -> Result<(), String> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Err("valgrind isn't installed".to_owned());
    }
    let workspace = generate::workspace(FUNCTIONS)
        .map_err(|error| format!("cannot write the crates: {error}"))?;
    println!("{FUNCTIONS} functions per crate; millions of instructions of rustc\n");
    println!("| rustc | kind | instructions | ÷ `#[instrument]` |");
    println!("|---|---|---|---|");
    for (command, emit) in COMMANDS {
        if only.is_some_and(|only| only != emit) {
            continue;
        }
        // Dependencies.
        for kind in Kind::ALL {
            crate::compile(&workspace, command, kind, &[])?;
        }
        let mut counts = Kind::ALL.map(|_| 0);
        for kind in Kind::ALL {
            generate::touch(&workspace, kind, FUNCTIONS)
                .map_err(|error| format!("cannot touch a crate: {error}"))?;
            counts[kind as usize] = counted(&workspace, command, kind)?;
        }
        report(emit, counts);
    }
    Ok(())
}

fn report(emit: &str, counts: [u64; Kind::ALL.len()]) {
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2⁵² instructions")]
    let counts = counts.map(|count| count as f64);
    for kind in Kind::ALL {
        let count = counts[kind as usize];
        let ratio = count / counts[Kind::Instrument as usize];
        let (name, millions) = (kind.name(), count / 1e6);
        println!("| --emit={emit} | {name} | {millions:.0} | {ratio:.3} |");
    }
}

fn counted(workspace: &Path, command: &str, kind: Kind) -> Result<u64, String> {
    let log = workspace.join("callgrind.log");
    let this = env::current_exe().map_err(|error| error.to_string())?;
    let environment = [(LOG, log.clone()), ("RUSTC_WORKSPACE_WRAPPER", this)];
    crate::compile(workspace, command, kind, &environment)?;
    let text = std::fs::read_to_string(&log).map_err(|error| format!("callgrind: {error}"))?;
    let collected =
        text.split("Collected :").nth(1).and_then(|rest| rest.split_whitespace().next());
    collected
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| format!("callgrind has counted nothing: {text}"))
}

/// Calls rustc under callgrind, if cargo has called this program for that.
pub(crate) fn wrap() -> Option<ExitCode> {
    let log = env::var_os(LOG)?;
    let [rustc, arguments @ ..] = &env::args_os().skip(1).collect::<Vec<_>>()[..] else {
        return None;
    };
    // cargo asks for the version and the target with no crate to compile.
    let mut command = if arguments.iter().any(|argument| argument == "--crate-name") {
        let mut command = Command::new("valgrind");
        let mut option = std::ffi::OsString::from("--log-file=");
        option.push(log);
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(option);
        command.arg(real(Path::new(rustc)));
        command
    } else {
        Command::new(rustc)
    };
    let status = command.args(arguments).status();
    Some(match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// The compiler itself: `rustc` may be rustup, which only starts it.
fn real(rustc: &Path) -> PathBuf {
    let sysroot = Command::new(rustc).args(["--print", "sysroot"]).output();
    let compiler = sysroot.ok().and_then(|output| {
        let sysroot = String::from_utf8(output.stdout).ok()?;
        Some(Path::new(sysroot.trim()).join("bin/rustc"))
    });
    compiler.filter(|path| path.exists()).unwrap_or_else(|| rustc.to_owned())
}
