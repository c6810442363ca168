use std::borrow::Cow;
use std::error::Error;

use crate::error::registry;
use crate::{Classification, Classify, FieldError, http::generic_message, taxonomy::Evidence};

macro_rules! classify_by_chain {
    ($($object:ty),*) => {$(
        /// Searches the chain of sources, outermost first, for an error of a type that this crate
        /// knows or that derives `ServiceError`. Unclassified if there is none.
        impl Classify for $object {
            fn classify(&self) -> Classification {
                registry::classify(self).unwrap_or(Classification::unclassified())
            }

            fn public_message(&self) -> Cow<'_, str> {
                registry::ask(self, Classify::public_message)
                    .unwrap_or(Cow::Borrowed(generic_message(500)))
            }

            fn field_errors(&self) -> Cow<'_, [FieldError]> {
                registry::ask(self, Classify::field_errors).unwrap_or_default()
            }

            fn evidence(&self) -> Evidence<'_> {
                let inner = registry::ask(self, Classify::evidence).unwrap_or_default();
                Evidence { error: Some(self), ..inner }
            }
        }
    )*};
}

// Boxes of these are covered by `Classify for Box<E>`.
classify_by_chain!(dyn Error + Send + Sync, dyn Error + Send, dyn Error);
