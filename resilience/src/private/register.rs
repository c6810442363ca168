//! Registers derived error types, so that `Box<dyn Error>` and `anyhow::Error` can be classified.

/// Registers a derived type, so that it is found in boxes and in the contexts of `anyhow::Error`.
///
/// The features are checked here because the user's crate doesn't know them, and needn't depend on
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

/// Registers a derived type. Without `anyhow` there are no contexts to find.
#[cfg(all(feature = "boxed", not(feature = "anyhow")))]
#[doc(hidden)]
#[macro_export]
macro_rules! __register {
    ($error:ty) => {
        $crate::__private::inventory::submit! { $crate::__private::Known::derived::<$error>() }
    };
}

/// Does nothing: without the feature `boxed` no lookup needs the registry.
#[cfg(not(feature = "boxed"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __register {
    ($error:ty) => {};
}
