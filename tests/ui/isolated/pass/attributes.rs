//! All options, and other attributes beside it, without a warning.
#![deny(warnings)]

use resilience::testing::isolated;

#[isolated]
fn plain() -> Result<(), std::fmt::Error> {
    Err(std::fmt::Error)?;
    Ok(())
}

#[isolated(no_wait, seed = 3 + 4, crate = ::resilience)]
#[must_use]
fn with_options() -> bool {
    #![allow(unused_variables)]
    let unused = 1;
    resilience::registry().circuit_breakers().next().is_none()
}

#[tokio::main(flavor = "current_thread")]
#[isolated]
async fn below() {
    tokio::task::yield_now().await;
}

#[isolated(no_wait,)]
#[tokio::main(flavor = "current_thread")]
async fn above() {
    tokio::task::yield_now().await;
}

fn main() {
    assert!(plain().is_err());
    assert!(with_options());
    below();
    above();
}
