//! `report` and `Report`: what a record says, and when there is none.

mod dedup;
mod record;
mod texts;
