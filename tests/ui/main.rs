//! The messages of compile errors, as a user sees them: a directory of cases for each topic.
//!
//! A new case: write `<topic>/fail/<mistake>.rs`, run this test, read the message, and bless it
//! with `TRYBUILD=overwrite`.

use resilience_test_support::ui::run_ui_tests;

#[test]
fn messages_of_boundary() {
    run_ui_tests("boundary");
}

#[test]
fn messages_of_circuit_breaker() {
    run_ui_tests("circuit_breaker");
}

#[test]
fn messages_of_dead_letter() {
    run_ui_tests("dead_letter");
}

#[test]
fn messages_of_degrade() {
    run_ui_tests("degrade");
}

#[test]
fn messages_of_retry() {
    run_ui_tests("retry");
}

#[test]
fn messages_of_service_error() {
    run_ui_tests("service_error");
}

#[test]
fn messages_of_timeout() {
    run_ui_tests("timeout");
}

#[test]
fn messages_of_transaction() {
    run_ui_tests("transaction");
}

/// The function below the attributes.
#[test]
fn messages_of_annotated_functions() {
    run_ui_tests("function");
}

/// Attributes on an `impl` block.
#[test]
fn messages_of_impl_blocks() {
    run_ui_tests("impl_block");
}

/// Mocks of annotated functions.
#[test]
fn messages_of_mockall() {
    run_ui_tests("mockall");
}

/// Several attributes on one function.
#[test]
fn messages_of_nested_attributes() {
    run_ui_tests("nest");
}

/// Options in general.
#[test]
fn messages_of_options() {
    run_ui_tests("options");
}

#[test]
fn messages_of_isolated() {
    run_ui_tests("isolated");
}
