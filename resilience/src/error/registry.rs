//! The types that a box's classification knows: the built-in ones, and those that the derive lists
//! by itself.

use std::error::Error;

use crate::error::chain::downcast;
use crate::{Classify, ServiceError};

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

/// Lists a derived type, so that a box which holds one is classified by it.
///
/// Decided here and not in the user's crate, which needn't know the features, nor depend on
/// `inventory`.
#[cfg(feature = "anyhow")]
#[doc(hidden)]
#[macro_export]
macro_rules! __register {
    ($error:ty) => {
        const _: () = {
            use $crate::__private::NotShared as _;
            $crate::__private::inventory::submit! { $crate::__private::Shared::<$error>::KNOWN }
        };
    };
}

/// The same where nothing asks for contexts.
#[cfg(all(feature = "boxed", not(feature = "anyhow")))]
#[doc(hidden)]
#[macro_export]
macro_rules! __register {
    ($error:ty) => {
        $crate::__private::inventory::submit! { $crate::__private::Known::derived::<$error>() }
    };
}

/// Nothing looks for derived types without the feature `boxed`.
#[cfg(not(feature = "boxed"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __register {
    ($error:ty) => {};
}
