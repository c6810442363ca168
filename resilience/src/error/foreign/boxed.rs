use std::borrow::Cow;
use std::error::Error;

use crate::error::registry::find;
use crate::{Classification, Classify, FieldError, http::generic_message, taxonomy::Evidence};

macro_rules! classify_by_chain {
    ($($object:ty),*) => {$(
        /// Searches the chain of sources, outermost first, for an error of a type that this crate
        /// knows or that derives `ServiceError`. Unclassified if there is none.
        impl Classify for $object {
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
                Evidence { error: Some(self), ..find(self).map_or(Evidence::default(), Classify::evidence) }
            }
        }
    )*};
}

// Boxes of these are covered by `Classify for Box<E>`.
classify_by_chain!(dyn Error + Send + Sync, dyn Error + Send, dyn Error);
