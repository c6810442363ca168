//! Finds the error behind a trait object that can classify itself: one of the types that this crate
//! knows or that the derive registered.

use std::cell::Cell;
use std::error::Error;

use super::chain;
#[cfg(feature = "_sqlx")]
use super::database::Diagnosis;
use super::downcast::downcast;
use super::upstream::UpstreamError;
use crate::{Classification, Classify, Rejected, ServiceError, errors};

/// The classification of the first error in the chain, outermost first, that classifies itself.
///
/// Errors of known types without a category, such as an `io::Error` of an unnamed kind, are
/// skipped.
pub(crate) fn classify(error: &(dyn Error + 'static)) -> Option<Classification> {
    Search::begin()?.find(error).map(|found| found.class)
}

/// Asks that error something else.
pub(crate) fn ask<'e, T>(
    error: &'e (dyn Error + 'static),
    of: impl FnOnce(&'e dyn Classify) -> T,
) -> Option<T> {
    let search = Search::begin()?;
    search.find(error).map(|found| of(found.error))
}

/// An error that classifies itself, and its classification.
#[derive(Clone, Copy)]
pub(crate) struct Found<'e> {
    pub(crate) error: &'e dyn Classify,
    pub(crate) class: Classification,
}

impl<'e> Found<'e> {
    /// The error, if it has a category.
    pub(crate) fn of(error: &'e dyn Classify) -> Option<Self> {
        let class = error.classify();
        class.category().map(|_| Self { error, class })
    }
}

/// A search along a chain, which may be circular.
///
/// An error in the chain may search in turn: an `io::Error` searches the error inside it. All these
/// searches of a thread share one limit on their links, and one on their depth. So the time is
/// linear, and no circle overflows the stack.
pub(crate) struct Search(());

/// The maximum depth of searches within searches.
const MAX_DEPTH: usize = 64;

thread_local! {
    /// The depth of the searches under way, and how many links they may still visit.
    static SEARCHES: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

impl Search {
    /// `None` if too many searches are under way.
    pub(crate) fn begin() -> Option<Self> {
        let (depth, left) = SEARCHES.get();
        if depth == MAX_DEPTH {
            return None;
        }
        SEARCHES.set((depth + 1, if depth == 0 { chain::MAX_LINKS } else { left }));
        Some(Self(()))
    }

    pub(crate) fn find<'e>(&self, error: &'e (dyn Error + 'static)) -> Option<Found<'e>> {
        self.find_by(error, classified)
    }

    /// Returns the first answer of `look`.
    #[expect(clippy::unused_self, reason = "the limits of the search apply to its thread")]
    pub(crate) fn find_by<'e>(
        &self,
        error: &'e (dyn Error + 'static),
        look: impl Fn(&'e (dyn Error + 'static)) -> Option<Found<'e>>,
    ) -> Option<Found<'e>> {
        for link in chain::links(Some(error)) {
            let (depth, left) = SEARCHES.get();
            SEARCHES.set((depth, left.checked_sub(1)?));
            let found = look(link);
            // An `io::Error` has already searched all its sources.
            if found.is_some() || downcast::<std::io::Error>(link).is_some() {
                return found;
            }
        }
        None
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        let (depth, left) = SEARCHES.get();
        SEARCHES.set((depth - 1, left));
    }
}

/// Casts this error, ignoring its sources, if its type is known and it has a category.
pub(crate) fn classified<'e>(link: &'e (dyn Error + 'static)) -> Option<Found<'e>> {
    known_types().find_map(|known| (known.cast)(link)).and_then(Found::of)
}

/// The built-in types, then the derived ones.
pub(crate) fn known_types() -> impl Iterator<Item = &'static Known> {
    BUILT_IN.iter().chain(derived())
}

/// Recognises one error type behind a trait object.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Casts an error of this type.
    pub(crate) cast: for<'a> fn(&'a (dyn Error + 'static)) -> Option<&'a dyn Classify>,
    /// Casts the outermost context of this type, which a plain trait object hides.
    #[cfg(feature = "anyhow")]
    pub(crate) context: Option<Context>,
}

#[cfg(feature = "anyhow")]
pub(crate) type Context = fn(&anyhow::Error) -> Option<&dyn Classify>;

impl Known {
    /// The entry of a derived type. It needn't be `Send` or `Sync`.
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
    #[cfg(feature = "async-nats")]
    Known::built_in::<async_nats::ConnectError>(),
    #[cfg(feature = "async-nats")]
    Known::built_in::<async_nats::PublishError>(),
    #[cfg(feature = "async-nats")]
    Known::built_in::<async_nats::RequestError>(),
    #[cfg(feature = "async-nats")]
    Known::built_in::<async_nats::SubscribeError>(),
    #[cfg(feature = "async-nats")]
    Known::built_in::<async_nats::client::FlushError>(),
    #[cfg(feature = "async-nats")]
    Known::built_in::<async_nats::jetstream::context::PublishError>(),
    #[cfg(feature = "async-nats")]
    Known::built_in::<async_nats::jetstream::context::RequestError>(),
    #[cfg(feature = "async-nats")]
    Known::built_in::<async_nats::jetstream::consumer::pull::MessagesError>(),
    #[cfg(feature = "lapin")]
    Known::built_in::<lapin::Error>(),
    #[cfg(feature = "redis")]
    Known::built_in::<redis::RedisError>(),
    #[cfg(feature = "tokio")]
    Known::built_in::<tokio::time::error::Elapsed>(),
    #[cfg(feature = "validator")]
    Known::built_in::<validator::ValidationErrors>(),
    #[cfg(feature = "garde")]
    Known::built_in::<garde::Report>(),
    #[cfg(feature = "tower")]
    Known::built_in::<tower::timeout::error::Elapsed>(),
    #[cfg(feature = "tower")]
    Known::built_in::<tower::load_shed::error::Overloaded>(),
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

/// The types that the derive registered in this program.
#[cfg(feature = "boxed")]
pub(crate) fn derived() -> impl Iterator<Item = &'static Known> {
    inventory::iter::<Known>()
}

/// Empty: without the feature `boxed` nothing is registered.
#[cfg(not(feature = "boxed"))]
pub(crate) fn derived() -> impl Iterator<Item = &'static Known> {
    std::iter::empty()
}

#[cfg(feature = "boxed")]
inventory::collect!(Known);

/// Selects an entry by whether anyhow can hold the type. If it can, the inherent [`Shared::KNOWN`]
/// takes precedence over the trait's.
#[cfg(feature = "anyhow")]
mod shared {
    use std::marker::PhantomData;

    use super::Known;
    use crate::ServiceError;

    /// Provides the entry of `E`.
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

    /// The fallback for types without the inherent constant.
    pub trait NotShared {
        /// The entry of a type that anyhow can't hold, but a plain box can.
        const KNOWN: Known;
    }

    impl<E: ServiceError + 'static> NotShared for Shared<E> {
        const KNOWN: Known = Known::derived::<E>();
    }
}

#[cfg(feature = "anyhow")]
pub use shared::{NotShared, Shared};
