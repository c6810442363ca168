use std::sync::{Arc, Mutex, PoisonError};

/// The text of a breaker's key in events, if its set asks for it. Only accessed when something
/// went wrong, so a lock is fast enough.
#[derive(Debug)]
pub(super) struct KeyText(Mutex<Option<Arc<str>>>);

impl KeyText {
    pub(super) const fn none() -> Self {
        Self(Mutex::new(None))
    }

    pub(super) fn get(&self) -> Option<Arc<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, text: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = text.map(Arc::from);
    }
}
