use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;

use crate::RetryBudget;

/// One annotated function: what its events are labelled with, and what has been said about it once.
///
/// The attributes make one `static` per function. By hand:
///
/// ```
/// use resilience::registry::Site;
///
/// static CHARGE: Site = Site::new("payments", "charge", module_path!(), file!(), line!());
/// assert_eq!(CHARGE.service(), "payments");
/// ```
#[derive(Debug)]
pub struct Site {
    service: &'static str,
    function: &'static str,
    module: &'static str,
    file: &'static str,
    line: u32,
    said: AtomicU8,
    budget: RetryBudget,
}

/// What a site says once at most.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Once {
    Unclassified = 1,
    Clamped = 2,
}

impl Site {
    /// A site with the label of its dependency, the function's name, and the place.
    pub const fn new(
        service: &'static str,
        function: &'static str,
        module: &'static str,
        file: &'static str,
        line: u32,
    ) -> Self {
        Self {
            service,
            function,
            module,
            file,
            line,
            said: AtomicU8::new(0),
            budget: RetryBudget::standard(),
        }
    }

    /// The label of the dependency: the attribute's `service`, or the name of its static breaker,
    /// or else the function's name.
    pub const fn service(&self) -> &'static str {
        self.service
    }

    /// The function's name.
    pub const fn function(&self) -> &'static str {
        self.function
    }

    /// The module that the function stands in.
    pub const fn module(&self) -> &'static str {
        self.module
    }

    /// File and line of the attribute.
    pub const fn location(&self) -> (&'static str, u32) {
        (self.file, self.line)
    }

    /// The function's own retry budget, [`standard`](RetryBudget::standard), which its `#[retry]`
    /// keeps to unless it names another.
    #[inline]
    pub const fn budget(&self) -> &RetryBudget {
        &self.budget
    }

    /// Whether this is the first time that the site has to say this.
    pub(crate) fn first(&self, what: Once) -> bool {
        self.said.load(Relaxed) & what as u8 == 0
            && self.said.fetch_or(what as u8, Relaxed) & what as u8 == 0
    }
}
