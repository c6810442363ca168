//! Each message of `#[transaction]`, as its reader sees it.

#[test]
fn ui() {
    trybuild::TestCases::new().compile_fail("ui/transaction/fail/*.rs");
}
