//! A storm of retries, simulated: many clients call one service, the service fails for half a
//! minute, and the simulation records how each way of retrying treats it.
//!
//! Nothing is modelled but the service. The clients run the libraries themselves, on tokio's paused
//! clock, so three minutes of ten thousand clients take seconds.

pub mod measure;
pub mod plot;
pub mod policies;
pub mod scenario;
pub mod service;
pub mod table;
