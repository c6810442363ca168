//! Errors: `#[derive(ServiceError)]`, and the classification of errors of other crates.

pub mod derive;
mod foreign;

/// What a user reads who uses a feature that isn't on.
#[test]
fn messages_of_missing_features() {
    resilience_test_support::ui::run_ui_tests("missing_feature");
}
