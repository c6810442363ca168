//! Compile-fail tests.

/// Compiles the cases of one directory: those in `fail` must fail with exactly the message in their
/// `.stderr` file, those in `pass`, if there are any, must compile.
///
/// The directory is relative to the package of the running test.
///
/// # Panics
/// If a case does something else.
pub fn run_ui_tests(directory: &str) {
    let cases = trybuild::TestCases::new();
    cases.compile_fail(format!("{directory}/fail/*.rs"));
    if std::path::Path::new(directory).join("pass").exists() {
        cases.pass(format!("{directory}/pass/*.rs"));
    }
}
