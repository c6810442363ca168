use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;

use crate::RetryBudget;
#[cfg(feature = "metrics")]
use crate::observe::metrics::{FunctionLabels, RetryMetrics};
#[cfg(feature = "testing")]
use crate::support::isolation::{self, Identity, Isolate};

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
    /// The static breaker that the label is taken from.
    labelled_by: Option<LabelledBy>,
    /// The name of the breaker that the calls so far have used, if it isn't a static.
    breaker: OnceLock<&'static str>,
    function: &'static str,
    module: &'static str,
    file: &'static str,
    line: u32,
    logged: AtomicU8,
    budget: RetryBudget,
    #[cfg(feature = "testing")]
    identity: Identity,
    #[cfg(feature = "metrics")]
    metrics: RetryMetrics,
}

/// What a label can be taken from.
pub trait Label: Sync {
    /// The label.
    fn label(&self) -> &'static str;
}

#[derive(Clone, Copy)]
struct LabelledBy(&'static dyn Label);

impl fmt::Debug for LabelledBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.label())
    }
}

/// Gives a layer access to its site: a closure that returns it, and takes no space in a future, or
/// `()` if there is none.
#[cfg(feature = "boundary")]
pub trait Place {
    /// The annotated function.
    fn site(&self) -> Option<&'static Site>;
}

#[cfg(feature = "boundary")]
impl Place for () {
    #[inline]
    fn site(&self) -> Option<&'static Site> {
        None
    }
}

#[cfg(feature = "boundary")]
impl<F: Fn() -> &'static Site> Place for F {
    #[inline]
    fn site(&self) -> Option<&'static Site> {
        Some(self())
    }
}

/// A warning that a site logs at most once.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Once {
    Unclassified = 1,
    Clamped = 2,
    Blocks = 4,
}

/// Set in `logged` once calls have used breakers of several names.
const SEVERAL_BREAKERS: u8 = 1 << 7;

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
            labelled_by: None,
            breaker: OnceLock::new(),
            function,
            module,
            file,
            line,
            logged: AtomicU8::new(0),
            budget: RetryBudget::standard(),
            #[cfg(feature = "testing")]
            identity: Identity::new(),
            #[cfg(feature = "metrics")]
            metrics: RetryMetrics::new(),
        }
    }

    /// Takes the label from a static breaker, which may not exist yet.
    #[must_use]
    pub(crate) const fn labelled_by(mut self, breaker: &'static dyn Label) -> Self {
        self.labelled_by = Some(LabelledBy(breaker));
        self
    }

    /// The label of the dependency: the attribute's `service`, else the name of its breaker, else
    /// the function's name.
    ///
    /// The name of a breaker in a field is used as long as all calls use breakers with the same
    /// name.
    pub fn service(&self) -> &'static str {
        let this = self.current();
        match (&this.labelled_by, this.breaker.get()) {
            (Some(LabelledBy(breaker)), _) => breaker.label(),
            (None, Some(name)) if this.logged.load(Relaxed) & SEVERAL_BREAKERS == 0 => name,
            (None, _) => self.service,
        }
    }

    /// Records the name of the breaker that a call uses.
    #[inline]
    pub(crate) fn uses_breaker(&self, name: &'static str) {
        // Nearly always, it is the same text at the same address.
        if self.current().breaker.get().is_none_or(|known| !std::ptr::eq(*known, name)) {
            self.uses_another_breaker(name);
        }
    }

    #[cold]
    fn uses_another_breaker(&self, name: &'static str) {
        let this = self.current();
        if *this.breaker.get_or_init(|| name) != name {
            this.logged.fetch_or(SEVERAL_BREAKERS, Relaxed);
        }
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
        let this = self.current();
        this.logged.load(Relaxed) & warning as u8 == 0
            && this.logged.fetch_or(warning as u8, Relaxed) & warning as u8 == 0
    }

    /// Where what the site remembers is.
    #[cfg(feature = "testing")]
    #[inline]
    fn current(&self) -> &Self {
        isolation::current(self)
    }

    #[cfg(not(feature = "testing"))]
    #[inline]
    const fn current(&self) -> &Self {
        self
    }
}

#[cfg(feature = "metrics")]
impl Site {
    pub(crate) fn labels(&self) -> FunctionLabels {
        FunctionLabels { service: self.service(), function: self.function }
    }

    pub(crate) const fn metrics(&self) -> &RetryMetrics {
        &self.metrics
    }
}

#[cfg(feature = "testing")]
impl Isolate for Site {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn fresh(&self) -> Self {
        let Self { service, labelled_by, function, module, file, line, .. } = *self;
        Self { labelled_by, ..Self::new(service, function, module, file, line) }
    }
}
