use std::borrow::Cow;
use std::convert::Infallible;
use std::error::Error;
use std::fmt::Display;
use std::rc::Rc;
use std::sync::Arc;

use super::{Evidence, FieldError};
use crate::{Classification, http::generic_message};

/// An error that classifies itself. Layers and boundaries act on the classification alone.
///
/// `#[derive(ServiceError)]` implements it for an enum or a struct. To implement it by hand, only
/// [`classify`](Self::classify) is needed:
///
/// ```
/// use resilience::{Classification, Classify};
/// use std::fmt;
///
/// #[derive(Debug)]
/// struct Busy;
///
/// impl fmt::Display for Busy {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         f.write_str("the printer is busy")
///     }
/// }
///
/// impl Classify for Busy {
///     fn classify(&self) -> Classification {
///         Classification::transient("PRINTER_BUSY")
///     }
/// }
///
/// assert_eq!(Busy.classify().status(), 503);
/// assert_eq!(Busy.public_message(), "The service is temporarily unavailable");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no classification",
    label = "this error doesn't implement `Classify`",
    note = "for an error type of your own, write `#[derive(ServiceError)]`",
    note = "for one of another crate, wrap it in a variant of your enum, or write `classify = \
            path::to::function` in the attribute",
    note = "for `sqlx`, `reqwest`, `tonic`, `tower`, `anyhow` or `Box<dyn Error>`, enable that feature; if \
            it is, `cargo tree -d` shows whether there are two versions"
)]
// Only with `http` does `Problem` exist, which could be mistaken for an error.
#[cfg_attr(
    feature = "http",
    diagnostic::on_unimplemented(
        note = "a `Problem` is the response to an error that has already been reported; move the \
                attribute to the function that the handler calls"
    )
)]
pub trait Classify: Display {
    /// The category, code, status, advice and the rest.
    ///
    /// Called once per failure and layer, never on success. It should be cheap and must not panic.
    fn classify(&self) -> Classification;

    /// The message for the client. By default the fixed text of the classification, or else the
    /// generic text of the status: nothing from the error's own text.
    ///
    /// If the status is 500 or above, a [`Problem`](crate::http::Problem) ignores it: only
    /// [`Classification::with_public_text`] reaches the client.
    fn public_message(&self) -> Cow<'_, str> {
        let class = self.classify();
        Cow::Borrowed(class.public_text().unwrap_or_else(|| generic_message(class.status())))
    }

    /// The invalid fields of the request, for a validation error, with a message for the client.
    /// Empty by default.
    fn field_errors(&self) -> Cow<'_, [FieldError]> {
        Cow::Borrowed(&[])
    }

    /// Details for the log record beyond the error's own text: the chain of causes, and where the
    /// error was created. Empty by default; the derive and this crate's impls return the chain.
    fn evidence(&self) -> Evidence<'_> {
        Evidence::default()
    }
}

/// There is no value to classify. It can be the source of a `transparent` variant, as of a body
/// that can't fail.
impl Classify for Infallible {
    fn classify(&self) -> Classification {
        match *self {}
    }
}

/// An [`Error`] that classifies itself. `#[derive(ServiceError)]` implements it together with
/// [`Classify`].
///
/// It can be used as a trait object:
///
/// ```
/// use resilience::{ServiceError, errors::NotFound};
///
/// let error: Box<dyn ServiceError + Send + Sync> = Box::new(NotFound::new("user", "42"));
/// assert_eq!(error.classify().code(), "NOT_FOUND");
/// assert_eq!(error.to_string(), "user 42 not found");
/// ```
pub trait ServiceError: Error + Classify {}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<E: Classify + ?Sized> Classify for $pointer {
            fn classify(&self) -> Classification {
                (**self).classify()
            }

            fn public_message(&self) -> Cow<'_, str> {
                (**self).public_message()
            }

            fn field_errors(&self) -> Cow<'_, [FieldError]> {
                (**self).field_errors()
            }

            fn evidence(&self) -> Evidence<'_> {
                (**self).evidence()
            }
        }
    )*};
}

forward!(&E, &mut E, Box<E>, Rc<E>, Arc<E>);
