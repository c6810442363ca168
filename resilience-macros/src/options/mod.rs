//! The arguments of an attribute: `positional, key = expression, flag, key(list)`.

mod constant;
pub(crate) mod foreign;
mod grammar;
mod names;
mod parse;
mod value;

pub(crate) use constant::{reject_constant, reject_placeholder};
pub(crate) use grammar::Grammar;
pub(crate) use parse::{Arguments, Opt, Value};
pub(crate) use value::{Setting, duration, literal};
