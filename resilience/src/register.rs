//! The types that a box's classification knows: the built-in ones, and those that the derive lists by itself.

use std::error::Error;

use crate::Classify;

/// Recognises one type behind a trait object.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Gives the error back as what it is, if it is of this type.
    pub(crate) cast: for<'a> fn(&'a (dyn Error + 'static)) -> Option<&'a dyn Classify>,
    /// The same for the outermost context of this type, which a plain trait object hides.
    #[cfg(feature = "anyhow")]
    pub(crate) context: fn(&anyhow::Error) -> Option<&dyn Classify>,
}

impl Known {
    /// The entry of one type.
    pub const fn of<E: Error + Classify + Send + Sync + 'static>() -> Self {
        Self {
            cast: |error| error.downcast_ref::<E>().map(|error| error as &dyn Classify),
            #[cfg(feature = "anyhow")]
            context: |error| error.downcast_ref::<E>().map(|error| error as &dyn Classify),
        }
    }
}

#[cfg(feature = "boxed")]
inventory::collect!(Known);

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

/// Lists a derived type, so that a box which holds one is classified by it.
///
/// Decided here and not in the user's crate, which needn't know the feature, nor depend on `inventory`.
#[cfg(feature = "boxed")]
#[doc(hidden)]
#[macro_export]
macro_rules! __register {
    ($error:ty) => {
        $crate::__private::inventory::submit! { $crate::__private::Known::of::<$error>() }
    };
}

/// Nothing looks for derived types without the feature `boxed`.
#[cfg(not(feature = "boxed"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __register {
    ($error:ty) => {};
}
