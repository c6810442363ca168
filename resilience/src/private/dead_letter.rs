//! What `#[dead_letter]` calls, and asks of the return type.
#![allow(missing_docs, clippy::missing_errors_doc, reason = "only the expansion calls these")]

use std::fmt::Display;

use serde::{Deserialize, Serialize};

use crate::boundary::internals::{report_handled, report_handled_by};
use crate::dead_letter::{Handled, LetterId, PayloadError};
use crate::layer::classified::Classified;
use crate::{Category, CircuitBreaker, Classify, registry::Site, retry::Attempts};

pub use crate::dead_letter::{DeadLetterStore, Letter, ReplayError};
pub use crate::layer::dead_letter::internals::{Call, Draft, Handler, Opened, replaying};

/// What a handler can return when its message is a dead letter.
#[diagnostic::on_unimplemented(
    message = "`#[dead_letter]` has no `{Self}` to return when the message is a dead letter",
    label = "write `Result<(), …>`, or `Result<Handled<…>, …>` to learn the letter's id"
)]
pub trait DeadLettered {
    fn dead_lettered(id: LetterId) -> Self;
}

impl DeadLettered for () {
    fn dead_lettered(_: LetterId) {}
}

impl<T> DeadLettered for Handled<T> {
    fn dead_lettered(id: LetterId) -> Self {
        Self::DeadLettered(id)
    }
}

#[inline]
pub fn dead_lettered<T: DeadLettered>(id: LetterId) -> T {
    T::dead_lettered(id)
}

/// An argument that a letter can hold.
#[diagnostic::on_unimplemented(
    message = "a letter can't hold `{Self}`, which isn't `Serialize`",
    label = "derive `serde::Serialize` for it, or write `#[skip]` before the argument",
    note = "an argument with `#[skip]` becomes one of the replay function"
)]
pub trait InLetter {
    fn add_to(&self, draft: &mut Draft, name: &str);
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> InLetter for T {
    fn add_to(&self, draft: &mut Draft, name: &str) {
        draft.argument(name, self);
    }
}

pub fn argument<T: InLetter + ?Sized>(draft: &mut Draft, name: &str, value: &T) {
    value.add_to(draft, name);
}

/// An argument that a letter can restore.
#[diagnostic::on_unimplemented(
    message = "a letter can't restore `{Self}`, which isn't `Deserialize`",
    label = "derive `serde::Deserialize` for it, or write `#[skip]` before the argument",
    note = "or write `no_replay` in the attribute, for no replay function"
)]
pub trait FromLetter<'l>: Sized {
    fn from_letter(letter: Opened<'l>, name: &'static str) -> Result<Self, PayloadError>;
}

#[diagnostic::do_not_recommend]
impl<'l, T: Deserialize<'l>> FromLetter<'l> for T {
    fn from_letter(letter: Opened<'l>, name: &'static str) -> Result<Self, PayloadError> {
        letter.argument(name)
    }
}

pub fn restore<'l, T: FromLetter<'l>>(
    letter: Opened<'l>,
    name: &'static str,
) -> Result<T, PayloadError> {
    T::from_letter(letter, name)
}

#[inline]
pub fn queue<Q: AsRef<str> + ?Sized>(queue: &Q) -> &str {
    queue.as_ref()
}

/// Requires a store.
#[inline]
pub fn letter_store<S: DeadLetterStore>(store: &S) -> &dyn DeadLetterStore {
    store
}

#[inline]
pub fn bytes<B: AsRef<[u8]> + ?Sized>(bytes: &B) -> &[u8] {
    bytes.as_ref()
}

/// What surrounds a handler.
pub const fn handler_call<'a>(
    queue: &'a str,
    attempts: Option<&'a Attempts>,
    breaker: Option<&'a CircuitBreaker>,
    site: &'static Site,
) -> Call<'a> {
    Call { queue, attempts, breaker, site }
}

/// Begins a letter, or returns `None` if the source must get the message back.
#[cold]
pub fn draft<E: Classify>(error: &E, call: Call<'_>) -> Option<Draft> {
    Draft::of(error, call, Classified::of)
}

/// Like [`draft`], with `classify = …`.
#[cold]
pub fn draft_by<E: Display>(
    error: &E,
    call: Call<'_>,
    classify: impl FnOnce(&E) -> Classified<E>,
) -> Option<Draft> {
    Draft::of(error, call, classify)
}

/// Records the failure of a message that is a dead letter now.
#[cold]
pub fn report_letter<E: Classify>(error: &E, site: &'static Site) {
    report_handled(error, site);
}

/// Like [`report_letter`], with `classify = …`.
#[cold]
pub fn report_letter_by<E: Display>(
    error: &E,
    site: &'static Site,
    classify: impl FnOnce(&E) -> Classified<E>,
) {
    report_handled_by(error, classify, site);
}

/// Records a fatal error, where no boundary of the function does and requests the shutdown.
#[cold]
pub fn report_fatal<E: Classify>(error: &E, site: &'static Site) {
    if error.classify().category() == Some(Category::Fatal) {
        report_handled(error, site);
    }
}

/// Like [`report_fatal`], with `classify = …`.
#[cold]
pub fn report_fatal_by<E: Display>(
    error: &E,
    site: &'static Site,
    classify: impl Fn(&E) -> Classified<E>,
) {
    if classify(error).class.category() == Some(Category::Fatal) {
        report_handled_by(error, classify, site);
    }
}
