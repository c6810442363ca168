//! Each message of the attributes, as its reader sees it.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    for of in [
        "boundary",
        "retry",
        "circuit_breaker",
        "timeout",
        "degrade",
        "nest",
        "function",
        "options",
    ] {
        cases.compile_fail(format!("ui/{of}/fail/*.rs"));
    }
}
