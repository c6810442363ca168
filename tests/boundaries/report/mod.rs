//! `report` and `Report`: the fields of a record, and when there is none.

mod dedup;
mod record;
mod texts;
