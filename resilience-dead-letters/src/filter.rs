//! Which letters.

use std::time::Duration;

use resilience::dead_letter::{LetterId, Reason};

/// Which letters to list, replay, discard or purge.
///
/// There is no default: all letters are only meant by [`Filter::all`]. Each further condition
/// narrows the filter.
///
/// ```
/// use std::time::Duration;
/// use resilience_dead_letters::Filter;
///
/// let filter = Filter::queue("orders").code("DATABASE_UNAVAILABLE").at_least(Duration::from_secs(60));
/// # let _ = filter;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    pub(crate) ids: Option<Vec<LetterId>>,
    pub(crate) queue: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) error_type: Option<String>,
    pub(crate) reason: Option<Reason>,
    pub(crate) at_least: Option<Duration>,
    pub(crate) at_most: Option<Duration>,
}

impl Filter {
    /// All letters.
    pub const fn all() -> Self {
        Self {
            ids: None,
            queue: None,
            code: None,
            error_type: None,
            reason: None,
            at_least: None,
            at_most: None,
        }
    }

    /// The letter with this id.
    pub fn id(id: LetterId) -> Self {
        Self::ids([id])
    }

    /// The letters with these ids. None, if there are no ids.
    pub fn ids(ids: impl IntoIterator<Item = LetterId>) -> Self {
        Self { ids: Some(ids.into_iter().collect()), ..Self::all() }
    }

    /// The letters of this queue.
    pub fn queue(queue: impl Into<String>) -> Self {
        Self { queue: Some(queue.into()), ..Self::all() }
    }

    /// Only letters whose failure has this code.
    #[must_use]
    pub fn code(self, code: impl Into<String>) -> Self {
        Self { code: Some(code.into()), ..self }
    }

    /// Only letters whose failure has this type, such as `shop::OrderError`.
    #[must_use]
    pub fn error_type(self, error_type: impl Into<String>) -> Self {
        Self { error_type: Some(error_type.into()), ..self }
    }

    /// Only letters with this reason.
    #[must_use]
    pub fn reason(self, reason: Reason) -> Self {
        Self { reason: Some(reason), ..self }
    }

    /// Only letters that were stored at least so long ago, by the store's clock.
    #[must_use]
    pub fn at_least(self, age: Duration) -> Self {
        Self { at_least: Some(age), ..self }
    }

    /// Only letters that were stored at most so long ago, by the store's clock.
    #[must_use]
    pub fn at_most(self, age: Duration) -> Self {
        Self { at_most: Some(age), ..self }
    }
}
