//! The arguments of an attribute: `positional, key = expression, flag, key(list)`.

mod parse;

pub(crate) use parse::*;
