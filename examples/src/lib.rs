//! The examples stand in `examples/`.
