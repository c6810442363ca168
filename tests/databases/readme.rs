//! Compiles the README's code. Here, because this package has both databases and HTTP.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
