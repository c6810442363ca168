//! The layers that an attribute puts around a function: one folder for each.

/// Records a metric, if the feature of that name is on.
macro_rules! metric {
    ($name:ident($($argument:expr),*)) => {
        #[cfg(feature = "metrics")]
        crate::observe::metrics::$name($($argument),*)
    };
}

pub(crate) mod attempt;
pub mod circuit_breaker;
pub(crate) mod classified;
pub(crate) mod context;
#[cfg(feature = "dead-letter")]
pub mod dead_letter;
pub(crate) mod deadline;
pub mod degrade;
pub(crate) mod events;
pub mod registry;
pub mod retry;
pub(crate) mod retry_budget;
pub(crate) mod runtime_options;
pub(crate) mod site;
pub mod timeout;
#[cfg(feature = "_sqlx")]
pub(crate) mod transaction;
