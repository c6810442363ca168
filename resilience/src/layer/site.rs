use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;

use crate::RetryBudget;

/// An annotated function: the labels of its events, its retry budget, and which one-time warnings
/// it has logged.
///
/// The attributes create one `static` per function. To create one by hand:
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
    logged: AtomicU8,
    budget: RetryBudget,
}

/// A warning that a site logs at most once.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Once {
    Unclassified = 1,
    Clamped = 2,
    Nested = 4,
}

impl Site {
    /// Creates a site from the label of its dependency, the function's name, and its location.
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
            logged: AtomicU8::new(0),
            budget: RetryBudget::standard(),
        }
    }

    /// The label of the dependency: the attribute's `service`, else the name of its static breaker,
    /// else the function's name.
    pub const fn service(&self) -> &'static str {
        self.service
    }

    /// The function's name.
    pub const fn function(&self) -> &'static str {
        self.function
    }

    /// The path of the function's module.
    pub const fn module(&self) -> &'static str {
        self.module
    }

    /// The file and line of the attribute.
    pub const fn location(&self) -> (&'static str, u32) {
        (self.file, self.line)
    }

    /// The function's own [`standard`](RetryBudget::standard) retry budget. Its `#[retry]` uses it
    /// unless another is set.
    #[inline]
    pub const fn budget(&self) -> &RetryBudget {
        &self.budget
    }

    /// Whether to log this warning. True only the first time.
    pub(crate) fn first(&self, warning: Once) -> bool {
        self.logged.load(Relaxed) & warning as u8 == 0
            && self.logged.fetch_or(warning as u8, Relaxed) & warning as u8 == 0
    }
}
