//! Compile-fail tests.

/// Compiles the cases in `<directory>/fail`: each must fail with exactly the message in the
/// `.stderr` file beside it. The directory is relative to the package of the running test.
///
/// # Panics
/// If a case compiles, or fails with another message.
pub fn run_ui_tests(directory: &str) {
    trybuild::TestCases::new().compile_fail(format!("{directory}/fail/*.rs"));
}
