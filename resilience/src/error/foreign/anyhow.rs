use std::borrow::Cow;
use std::error::Error;

use crate::error::registry::{classified, known_types};
use crate::{Classification, Classify, FieldError, http::generic_message, taxonomy::Evidence};

/// Searches the contexts and sources, outermost first, for an error of a type that this crate knows
/// or that derives `ServiceError`. Unclassified if there is none.
impl Classify for ::anyhow::Error {
    fn classify(&self) -> Classification {
        find(self).map_or(Classification::unclassified(), Classify::classify)
    }

    fn public_message(&self) -> Cow<'_, str> {
        find(self).map_or(Cow::Borrowed(generic_message(500)), Classify::public_message)
    }

    fn field_errors(&self) -> Cow<'_, [FieldError]> {
        find(self).map_or(Cow::Borrowed(&[]), Classify::field_errors)
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence {
            error: Some(self.as_ref()),
            ..find(self).map_or(Evidence::default(), Classify::evidence)
        }
    }
}

fn find(error: &::anyhow::Error) -> Option<&dyn Classify> {
    error.chain().find_map(|link| classified(link).or_else(|| context(error, link)))
}

/// The context, passed to `.context(…)`, that this link of the chain holds.
///
/// The link's type is private to anyhow, so only anyhow can downcast to the context. The address
/// shows whether the context it returned is inside this link.
fn context<'e>(
    error: &'e ::anyhow::Error,
    link: &'e (dyn Error + 'static),
) -> Option<&'e dyn Classify> {
    let start = std::ptr::from_ref(link).addr();
    let inside = start..start + size_of_val(link);
    known_types().filter_map(|known| known.context?(error)).find(|context| {
        inside.contains(&std::ptr::from_ref(*context).addr())
            && context.classify().category().is_some()
    })
}
