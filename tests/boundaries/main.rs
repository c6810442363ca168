//! What the tests of the boundaries share.

mod records;

pub use records::{Record, Records};
