//! Registers a derived type, so that `Box<dyn Error>` and `anyhow::Error` are classified by it.

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
