use std::borrow::Cow;
use std::cell::LazyCell;
use std::error::Error;

use crate::error::registry::{Found, Search, classified, known_types};
use crate::{Classification, Classify, FieldError, http::generic_message, taxonomy::Evidence};

/// Searches the contexts and sources, outermost first, for an error of a type that this crate knows
/// or that derives `ServiceError`. Unclassified if there is none.
impl Classify for ::anyhow::Error {
    fn classify(&self) -> Classification {
        let search = Search::begin();
        let found = search.as_ref().and_then(|search| find(search, self));
        found.map_or(Classification::unclassified(), |found| found.class)
    }

    fn public_message(&self) -> Cow<'_, str> {
        ask(self, Classify::public_message).unwrap_or(Cow::Borrowed(generic_message(500)))
    }

    fn field_errors(&self) -> Cow<'_, [FieldError]> {
        ask(self, Classify::field_errors).unwrap_or_default()
    }

    fn evidence(&self) -> Evidence<'_> {
        let inner = ask(self, Classify::evidence).unwrap_or_default();
        Evidence { error: Some(self.as_ref()), ..inner }
    }
}

fn ask<'e, T>(error: &'e ::anyhow::Error, of: impl FnOnce(&'e dyn Classify) -> T) -> Option<T> {
    let search = Search::begin()?;
    find(&search, error).map(|found| of(found.error))
}

fn find<'e>(search: &Search, error: &'e ::anyhow::Error) -> Option<Found<'e>> {
    let contexts = LazyCell::new(|| contexts(error));
    search.find_by(error.as_ref(), |link| {
        classified(link).or_else(|| context_in(link, &contexts).and_then(Found::of))
    })
}

/// The outermost context, passed to `.context(…)`, of each known type, and the box that
/// `from_boxed` was given. Takes time in proportion to the number of contexts.
///
/// Only anyhow can find them, because the links that hold them have private types.
fn contexts(error: &::anyhow::Error) -> Vec<&dyn Classify> {
    let boxed = error.downcast_ref::<Box<dyn Error + Send + Sync>>();
    let boxed = boxed.map(|boxed| boxed as &dyn Classify);
    known_types().filter_map(|known| known.context?(error)).chain(boxed).collect()
}

/// The context that this link of the chain holds: the one whose address is inside the link.
fn context_in<'e>(
    link: &(dyn Error + 'static),
    contexts: &[&'e dyn Classify],
) -> Option<&'e dyn Classify> {
    let start = std::ptr::from_ref(link).addr();
    let inside = start..start + size_of_val(link);
    contexts.iter().copied().find(|context| inside.contains(&std::ptr::from_ref(*context).addr()))
}
