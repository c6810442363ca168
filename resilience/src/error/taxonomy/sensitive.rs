use std::fmt;

/// A value that nobody writes by mistake: its `Debug` doesn't tell it, and it has no `Display`.
///
/// For a field of an error that is `#[service(sensitive)]`: the derive keeps the field out of every
/// text, and the type keeps it out of `{:?}`, which `#[derive(Debug)]` on the error, `unwrap` and a
/// log line with `?error` write.
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
/// It hides a value from readers of logs, and not from who reads the process's memory: it isn't
/// erased when it is dropped.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Sensitive<T>(T);

impl<T> Sensitive<T> {
    /// Hides a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for the one who needs it.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value itself.
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
    fn no_form_of_debug_tells_it() {
        let hidden = Sensitive::new("s3cret");
        for text in
            [format!("{hidden:?}"), format!("{:#?}", Some(hidden)), format!("{hidden:>40?}")]
        {
            assert!(!text.contains("s3cret") && text.contains("(sensitive)"), "{text}");
        }
        assert_eq!(hidden.into_inner(), "s3cret");
    }
}
