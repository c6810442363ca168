//! Finds, behind a trait object, the error that can classify itself: by the types that this crate
//! knows, and those that the derive has registered.

use std::error::Error;

#[cfg(feature = "_sqlx")]
use super::database::Diagnosis;
use super::downcast::downcast;
use super::upstream::UpstreamError;
use crate::{Classify, Rejected, ServiceError, errors};

/// Looks at the error and then at its sources, outermost first.
///
/// One that is known but doesn't know itself (an `io::Error` of an unnamed kind) leaves the word to
/// what is inside it.
pub(crate) fn find<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e dyn Classify> {
    links(error).find_map(classified)
}

fn links<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

pub(crate) fn classified<'e>(link: &'e (dyn Error + 'static)) -> Option<&'e dyn Classify> {
    types()
        .find_map(|known| (known.cast)(link))
        .filter(|error| error.classify().category().is_some())
}

pub(crate) fn types() -> impl Iterator<Item = &'static Known> {
    BUILT_IN.iter().chain(derived())
}

/// Recognises one type behind a trait object.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Gives the error back as what it is, if it is of this type.
    pub(crate) cast: for<'a> fn(&'a (dyn Error + 'static)) -> Option<&'a dyn Classify>,
    /// The same for the outermost context of this type, which a plain trait object hides.
    #[cfg(feature = "anyhow")]
    pub(crate) context: Option<Context>,
}

#[cfg(feature = "anyhow")]
pub(crate) type Context = fn(&anyhow::Error) -> Option<&dyn Classify>;

impl Known {
    /// The entry of a derived type, which needn't be shared between threads.
    pub const fn derived<E: ServiceError + 'static>() -> Self {
        Self {
            cast: |error| downcast::<E>(error).map(|error| error as &dyn Classify),
            #[cfg(feature = "anyhow")]
            context: None,
        }
    }

    pub(crate) const fn built_in<E: Error + Classify + Send + Sync + 'static>() -> Self {
        Self {
            cast: |error| downcast::<E>(error).map(|error| error as &dyn Classify),
            #[cfg(feature = "anyhow")]
            context: Some(|error| error.downcast_ref::<E>().map(|error| error as &dyn Classify)),
        }
    }
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
    Known::built_in::<Diagnosis>(),
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

/// The types that the derive has listed in this program.
#[cfg(feature = "boxed")]
pub(crate) fn derived() -> impl Iterator<Item = &'static Known> {
    inventory::iter::<Known>()
}

/// Without the feature `boxed` nothing is listed.
#[cfg(not(feature = "boxed"))]
pub(crate) fn derived() -> impl Iterator<Item = &'static Known> {
    std::iter::empty()
}

#[cfg(feature = "boxed")]
inventory::collect!(Known);

/// Tells whether anyhow can hold a type: then its own [`Shared::KNOWN`] is found before the
/// trait's.
#[cfg(feature = "anyhow")]
mod shared {
    use std::marker::PhantomData;

    use super::Known;
    use crate::ServiceError;

    /// Asks for one type.
    #[derive(Debug)]
    pub struct Shared<E>(PhantomData<E>);

    impl<E: ServiceError + Send + Sync + 'static> Shared<E> {
        /// The entry of a type that anyhow can hold.
        pub const KNOWN: Known = Known {
            context: Some(|error| {
                error.downcast_ref::<E>().map(|error| error as &dyn crate::Classify)
            }),
            ..Known::derived::<E>()
        };
    }

    /// Answers where the type's own constant doesn't exist.
    pub trait NotShared {
        /// The entry of a type that only a plain box can hold.
        const KNOWN: Known;
    }

    impl<E: ServiceError + 'static> NotShared for Shared<E> {
        const KNOWN: Known = Known::derived::<E>();
    }
}

#[cfg(feature = "anyhow")]
pub use shared::{NotShared, Shared};
