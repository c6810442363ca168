//! Implements `IntoResponse` for derived types with `#[service(axum)]`.

/// Implements `IntoResponse` for a derived type: the error is reported and becomes a `Problem`.
///
/// The feature is checked here because the user's crate needn't depend on `axum`. The generics and
/// the `where` clause are passed in brackets.
#[cfg(feature = "axum")]
#[doc(hidden)]
#[macro_export]
macro_rules! __into_response {
    ([$($generics:tt)*] $error:ty [$($clause:tt)*]) => {
        impl $($generics)* $crate::__private::axum::IntoResponse for $error $($clause)* {
            fn into_response(self) -> $crate::__private::axum::Response {
                $crate::__private::axum::IntoResponse::into_response($crate::http::Problem::from(self))
            }
        }
    };
    ($error:ty) => {
        $crate::__into_response! { [] $error [] }
    };
}

/// Without the feature, `#[service(axum)]` is an error.
#[cfg(not(feature = "axum"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __into_response {
    ($($any:tt)*) => {
        ::core::compile_error!(
            "`#[service(axum)]` needs the feature `axum` of `resilience`; write `features = [\"axum\"]` where your Cargo.toml names it"
        );
    };
}
