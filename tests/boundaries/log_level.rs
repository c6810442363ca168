//! A record below the log level costs nothing: its texts aren't even formatted.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use resilience::{
    Classification, Classify, RequestContext, report, shutdown::Shutdown, taxonomy::Evidence,
};
use resilience_test_support::Records;
use tracing::Level;

#[derive(Debug)]
struct Counted {
    class: Classification,
    formatted: AtomicU32,
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.formatted.fetch_add(1, Relaxed);
        f.write_str("counted")
    }
}

impl Error for Counted {}

impl Classify for Counted {
    fn classify(&self) -> Classification {
        self.class
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

#[test]
fn disabled_record_is_not_formatted() {
    Records::listen(Level::ERROR);
    let (context, shutdown) = (RequestContext::new(), Shutdown::new());
    let formatted = |class| {
        let error = Counted { class, formatted: AtomicU32::new(0) };
        let fresh = shutdown
            .clone()
            .sync_scope(|| context.clone().sync_scope(|| report(&error).is_fresh()));
        assert!(fresh);
        error.formatted.into_inner()
    };
    assert_eq!(formatted(Classification::transient("BUSY")), 0);
    assert_eq!(formatted(Classification::permanent("NOT_FOUND")), 0);
    assert!(formatted(Classification::permanent("BUG")) > 0, "errors are wanted");
    assert!(formatted(Classification::fatal("CORRUPT_STATE")) > 0, "errors are wanted");
    assert_eq!(shutdown.reason().unwrap().code, "CORRUPT_STATE");

    // For a listener each failure is counted once, so that it has to be recognized by its text.
    resilience::on_alert(|_| ());
    assert!(formatted(Classification::transient("BUSY")) > 0);
}
