use std::fmt;

/// A value that can't be logged by mistake: `Debug` hides it, and there is no `Display`.
///
/// Use it for fields of an error that are `#[service(sensitive)]`. The derive keeps such a field
/// out of the error's messages. This type also keeps it out of `{:?}`, which a derived `Debug`,
/// `unwrap` and `?error` in a log statement use.
///
/// ```
/// use resilience::{Sensitive, ServiceError};
///
/// #[derive(Debug, thiserror::Error, ServiceError)]
/// #[error("the token of {user} has expired")]
/// #[service(unauthenticated)]
/// struct Expired {
///     user: u64,
///     #[service(sensitive)]
///     token: Sensitive<String>,
/// }
///
/// let error = Expired { user: 7, token: "s3cret".to_owned().into() };
/// assert_eq!(format!("{error:?}"), "Expired { user: 7, token: (sensitive) }");
/// assert_eq!(error.token.expose(), "s3cret");
/// ```
///
/// It protects against leaks into logs only. The memory isn't erased on drop.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Sensitive<T>(T);

impl<T> Sensitive<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Returns a reference to the value.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// Unwraps the value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Sensitive<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(sensitive)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_value_in_every_format() {
        let hidden = Sensitive::new("s3cret");
        for text in
            [format!("{hidden:?}"), format!("{:#?}", Some(hidden)), format!("{hidden:>40?}")]
        {
            assert!(!text.contains("s3cret") && text.contains("(sensitive)"), "{text}");
        }
        assert_eq!(hidden.into_inner(), "s3cret");
    }
}
