//! Boundaries: what is logged, and what a client or a caller gets.

mod axum;
mod boundary;
mod exit;
mod http;
mod report;
mod tonic;
