use std::borrow::Cow;
use std::sync::Arc;

use super::RequestId;

/// A type whose values identify a request, a user or a tenant: text, numbers, UUIDs, and an
/// `Option` of one of these.
///
/// Implement it for an id of your own type:
///
/// ```
/// use resilience::request::ContextId;
/// use std::borrow::Cow;
///
/// struct UserId(u64);
///
/// impl ContextId for UserId {
///     fn id(&self) -> Option<Cow<'_, str>> {
///         self.0.id()
///     }
/// }
///
/// assert_eq!(UserId(7).id().as_deref(), Some("7"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be used as the id of a request, user or tenant",
    label = "expected a string, a number, or an `Option` of one",
    note = "for your own id type, implement `resilience::request::ContextId`, or write \
            `.to_string()`"
)]
pub trait ContextId {
    /// The id as text, or `None` if there is none.
    fn id(&self) -> Option<Cow<'_, str>>;
}

impl<N: ContextId + ?Sized> ContextId for &N {
    fn id(&self) -> Option<Cow<'_, str>> {
        (**self).id()
    }
}

impl<N: ContextId> ContextId for Option<N> {
    fn id(&self) -> Option<Cow<'_, str>> {
        self.as_ref().and_then(ContextId::id)
    }
}

macro_rules! context_id {
    ($($name:ty),* => |$this:ident| $text:expr) => {$(
        impl ContextId for $name {
            fn id(&self) -> Option<Cow<'_, str>> {
                let $this = self;
                Some($text)
            }
        }
    )*};
}

context_id!(str, String, Box<str>, Arc<str>, Cow<'_, str> => |this| Cow::Borrowed(this));
context_id!(RequestId => |this| Cow::Borrowed(this.as_str()));
context_id!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, uuid::Uuid => |this| Cow::Owned(this.to_string()));

/// A header of a request, or `None` if it isn't text.
#[cfg(feature = "axum")]
impl ContextId for http::HeaderValue {
    fn id(&self) -> Option<Cow<'_, str>> {
        self.to_str().ok().map(Cow::Borrowed)
    }
}
