//! The feature `testing`: its promises, each in tests that would influence each other without it.

/// The example of the docs, whose tests rustdoc compiles but doesn't run.
#[path = "../../resilience/src/docs/testing_example.rs"]
mod example;
mod flags_and_stale;
mod isolated;
mod no_wait;
mod parallel;
mod recorder;
mod script;
