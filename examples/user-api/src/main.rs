//! A service for users.

fn main() {}
