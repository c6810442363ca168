//! `Classify` for the errors of tower's own layers.

use tower::load_shed::error::Overloaded;
use tower::timeout::error::Elapsed;

use crate::{Classification, Classify, Sent, taxonomy::Evidence};

/// The time of tower's `Timeout` has elapsed; the callee may have acted. Transient,
/// `NETWORK_TIMEOUT`, 504.
///
/// ```
/// use resilience::Classify;
///
/// assert_eq!(tower::timeout::error::Elapsed::new().classify().status(), 504);
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
impl Classify for Elapsed {
    fn classify(&self) -> Classification {
        Classification::transient("NETWORK_TIMEOUT")
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

/// tower's `LoadShed` refused the call, so nothing was sent. Transient, `OVERLOADED`, 503.
///
/// ```
/// use resilience::{Classify, Sent};
///
/// let class = tower::load_shed::error::Overloaded::new().classify();
/// assert_eq!((class.status(), class.sent()), (503, Sent::Never));
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
impl Classify for Overloaded {
    fn classify(&self) -> Classification {
        Classification::transient("OVERLOADED").with_sent(Sent::Never)
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}
