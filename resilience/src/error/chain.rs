//! Finds, behind a trait object, the error that can classify itself.

use std::error::Error;
use std::sync::Arc;

use super::foreign::upstream::UpstreamError;
use super::registry::{self, Known};
use crate::{Classify, Rejected, errors};

/// Looks at the error and then at its sources, outermost first.
///
/// One that is known but doesn't know itself (an `io::Error` of an unnamed kind) leaves the word to
/// what is inside it.
pub(crate) fn find<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e dyn Classify> {
    links(error).find_map(classified)
}

/// The error as what it is, also where it stands in a `Box` or is shared in an `Arc`: their types
/// hide its own, and their sources begin below it.
pub(crate) fn downcast<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    let boxed = || error.downcast_ref::<Box<T>>().map(|error| &**error);
    let shared = || error.downcast_ref::<Arc<T>>().map(|error| &**error);
    error.downcast_ref().or_else(boxed).or_else(shared)
}

fn links<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn classified<'e>(link: &'e (dyn Error + 'static)) -> Option<&'e dyn Classify> {
    types()
        .find_map(|known| (known.cast)(link))
        .filter(|error| error.classify().category().is_some())
}

fn types() -> impl Iterator<Item = &'static Known> {
    BUILT_IN.iter().chain(registry::derived())
}

static BUILT_IN: &[Known] = &[
    Known::built_in::<Rejected>(),
    Known::built_in::<std::io::Error>(),
    Known::built_in::<UpstreamError>(),
    #[cfg(feature = "reqwest")]
    Known::built_in::<reqwest::Error>(),
    #[cfg(feature = "_sqlx")]
    Known::built_in::<sqlx::Error>(),
    #[cfg(feature = "_sqlx")]
    Known::built_in::<super::database::Diagnosis>(),
    #[cfg(feature = "tonic")]
    Known::built_in::<tonic::Status>(),
    #[cfg(feature = "tokio")]
    Known::built_in::<tokio::time::error::Elapsed>(),
    Known::built_in::<errors::NetworkTimeout>(),
    Known::built_in::<errors::ServiceUnavailable>(),
    Known::built_in::<errors::RateLimited>(),
    Known::built_in::<errors::ConnectFailed>(),
    Known::built_in::<errors::ValidationError>(),
    Known::built_in::<errors::NotFound>(),
    Known::built_in::<errors::AuthFailed>(),
    Known::built_in::<errors::Conflict>(),
    Known::built_in::<errors::CacheMiss>(),
    Known::built_in::<errors::NonCriticalFailure>(),
    Known::built_in::<errors::MissingConfig>(),
    Known::built_in::<errors::CorruptState>(),
    Known::built_in::<errors::UpstreamClientError>(),
    Known::built_in::<errors::Internal>(),
];

#[cfg(feature = "boxed")]
mod boxed {
    use std::borrow::Cow;
    use std::error::Error;

    use super::find;
    use crate::{Classification, Classify, Evidence, FieldError, generic_message};

    macro_rules! look_through {
        ($($object:ty),*) => {$(
            /// Looks through the chain of sources, outermost first, for a type that this crate knows or that
            /// `#[derive(ServiceError)]` wrote. Unclassified if there is none.
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

    // Their boxes follow from `Classify for Box<E>`.
    look_through!(dyn Error + Send + Sync, dyn Error + Send, dyn Error);
}

#[cfg(feature = "anyhow")]
mod anyhow {
    use std::borrow::Cow;
    use std::error::Error;

    use super::{classified, types};
    use crate::{Classification, Classify, Evidence, FieldError, generic_message};

    /// Looks through the contexts and the chain of sources, outermost first, for a type that this
    /// crate knows or that `#[derive(ServiceError)]` wrote. Unclassified if there is none.
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

    /// The error that `.context(error)` made this link from. The link's own type is private to
    /// anyhow, so that only anyhow can take it apart; whether it took this link or another, the
    /// address tells.
    fn context<'e>(
        error: &'e ::anyhow::Error,
        link: &'e (dyn Error + 'static),
    ) -> Option<&'e dyn Classify> {
        let start = std::ptr::from_ref(link).addr();
        let inside = start..start + size_of_val(link);
        types().filter_map(|known| known.context?(error)).find(|context| {
            inside.contains(&std::ptr::from_ref(*context).addr())
                && context.classify().category().is_some()
        })
    }
}
