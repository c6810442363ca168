//! Fallbacks, last good values and kill switches: the types behind
//! [`#[degrade]`](macro@crate::degrade).

mod cause;
mod causes;
mod flag;
mod flags;
#[cfg(feature = "stale")]
mod key_hash;
#[cfg(feature = "open-feature")]
mod open_feature;
mod policy;
#[cfg(feature = "stale")]
mod refresh;
#[cfg(feature = "stale")]
mod shared_call;
mod sourced;
#[cfg(feature = "stale")]
mod stale;
#[cfg(feature = "stale")]
mod stale_values;

pub use causes::Causes;
pub use flag::Flag;
pub use flags::{Flags, UnknownFlag, flags};
#[cfg(feature = "open-feature")]
#[cfg_attr(docsrs, doc(cfg(feature = "open-feature")))]
pub use open_feature::OpenFeatureFlags;
pub use policy::Degrade;
pub use sourced::{Source, Sourced};
#[cfg(feature = "stale")]
#[cfg_attr(docsrs, doc(cfg(feature = "stale")))]
pub use stale_values::StaleValues;

/// Used by the expansion.
pub mod internals {
    pub use super::cause::Cause;
    #[cfg(feature = "stale")]
    pub use super::refresh::{Detach, Detached, Lend, Refresh, Served, detach, refresh_failed_by};
    #[cfg(feature = "stale")]
    pub use super::stale::{Keepable, KeptPlace, SharedCall, Stale, stale_key};
}
