//! Each message of `#[derive(ServiceError)]`, as its reader sees it.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/service_error/pass/*.rs");
    cases.compile_fail("ui/service_error/fail/*.rs");
}
