//! Shortens a backtrace to the frames of the program itself.

/// Crates whose frames say nothing about a failure: they run the program, or pass a call on.
const MACHINERY: &[&str] = &[
    "alloc",
    "axum",
    "axum_core",
    "backtrace",
    "core",
    "futures_core",
    "futures_util",
    "h2",
    "hyper",
    "hyper_util",
    "matchit",
    "pin_project_lite",
    "resilience",
    "std",
    "test",
    "tokio",
    "tokio_util",
    "tonic",
    "tower",
    "tower_http",
    "tower_layer",
    "tower_service",
    "tracing",
    "tracing_core",
    "tracing_error",
];

/// Functions without a crate: the start of the program and of a thread, and the start of a panic.
const STARTS: &[&str] = &[
    "_start",
    "__libc_start_call_main",
    "__libc_start_main",
    "__libc_start_main_impl",
    "__pthread_start",
    "__clone",
    "__clone3",
    "__GI___clone3",
    "clone",
    "clone3",
    "main",
    "start_thread",
    "rust_panic",
    "<unknown>",
];

/// Leaves out the frames of the runtime, of servers and of this crate, and says how many. A trace
/// that has no other frames is unchanged.
///
/// ```text
///   11: shop::stock::reserve::{{closure}}
///              at ./src/stock.rs:31:9
///   12: <tokio::task::task_local::TaskLocalFuture<T,F> as core::future::future::Future>::poll
///              at …
/// ```
pub(super) fn of_the_program(trace: &str) -> String {
    let mut kept = String::new();
    let (mut keeps, mut left_out) = (true, 0_usize);
    for line in trace.lines() {
        if let Some(symbol) = symbol(line) {
            keeps = !is_machinery(symbol);
            left_out += usize::from(!keeps);
        }
        if keeps {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    if kept.is_empty() || left_out == 0 {
        return trace.to_owned();
    }
    format!("{kept}({left_out} frames of libraries and the runtime are left out)")
}

/// The function that a line of a backtrace names. `None` for a line with its place.
fn symbol(line: &str) -> Option<&str> {
    let line = line.trim_start();
    if line.starts_with("at ") {
        return None;
    }
    // An inlined function has no number of its own.
    match line.split_once(": ") {
        Some((number, symbol)) if number.bytes().all(|byte| byte.is_ascii_digit()) => Some(symbol),
        _ => Some(line),
    }
}

fn is_machinery(symbol: &str) -> bool {
    // `<tokio::x::Y<T> as Trait>::z`, `<&mut F as core::…::Future>::poll`, `core::ops::…`
    let mut path = symbol.trim_start_matches(['<', '&', '(', '*', '[']);
    for word in ["mut ", "dyn "] {
        path = path.strip_prefix(word).unwrap_or(path);
    }
    let Some((first, _)) = path.split_once("::") else {
        return STARTS.contains(&path) || path.starts_with("__rust");
    };
    // Of `F as core`, the trait counts.
    let krate = first.rsplit(' ').next().unwrap_or(first);
    // A disambiguator, as in `core[8a3c]`.
    let krate = krate.split('[').next().unwrap_or(krate);
    MACHINERY.contains(&krate) || krate.starts_with("__rust")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "   0: std::backtrace_rs::backtrace::libunwind::trace
             at /rustc/0/library/std/src/backtrace.rs:1:5
   1: resilience::boundary::report::record::backtrace
             at /r/src/record.rs:2:3
   2: shop::stock::reserve::{{closure}}
             at ./src/stock.rs:31:9
      shop::stock::inlined
             at ./src/stock.rs:40:1
   3: <tokio::task::task_local::TaskLocalFuture<T,F> as core::future::future::Future>::poll
             at /t/task_local.rs:1:1
   4: <core::pin::Pin<P> as core::future::future::Future>::poll
   5: <F as futures_core::future::TryFuture>::try_poll
   6: <shop::http::Handler as tower_service::Service<R>>::call
             at ./src/http.rs:5:5
   7: __rust_begin_short_backtrace
      <fn() -> core::result::Result<(), E> as core::ops::function::FnOnce<()>>::call_once
   8: resilience_shop::of_another_crate
   9: main
  10: start_thread
";

    #[test]
    fn only_frames_of_the_program_are_kept() {
        let expected = "   2: shop::stock::reserve::{{closure}}
             at ./src/stock.rs:31:9
      shop::stock::inlined
             at ./src/stock.rs:40:1
   6: <shop::http::Handler as tower_service::Service<R>>::call
             at ./src/http.rs:5:5
   8: resilience_shop::of_another_crate
(9 frames of libraries and the runtime are left out)";
        assert_eq!(of_the_program(TRACE), expected);
    }

    #[test]
    fn trace_without_frames_of_the_program_is_unchanged() {
        for trace in ["", "disabled backtrace", "   0: <unknown>\n   1: <unknown>\n"] {
            assert_eq!(of_the_program(trace), trace);
        }
    }
}
