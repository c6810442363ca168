use std::ops::Deref;
use std::time::Duration;

/// A value, and where it comes from: the call itself, the last good value, or the fallback.
///
/// As the `Ok` type of a function with [`#[degrade]`](macro@crate::degrade), it tells the caller
/// whether the value is live. The body returns [`Sourced::live`], the fallback is a plain `T`, and
/// the layer fills in the rest.
///
/// ```
/// # #[cfg(feature = "macros")] {
/// use resilience::{Rejected, Sourced, degrade, degrade::Source, timeout};
///
/// #[degrade(fallback = 1)] // a plain `u32`
/// #[timeout("2s")]
/// async fn stock(sku: &str) -> Result<Sourced<u32>, Rejected> {
///     // … ask the inventory …
/// #   assert!(!sku.is_empty());
///     Ok(Sourced::live(3))
/// }
///
/// # async fn page() -> Result<(), Rejected> {
/// let stock = stock("42").await?;
/// println!("{} left", *stock);
/// if let Source::Fallback { cause, .. } = stock.source() {
///     println!("that is a guess, because of {cause}");
/// }
/// # Ok(())
/// # }
/// # }
/// ```
///
/// It is recognised by its type, so an alias of it or of the whole `Result` works too.
///
/// With the feature `http` it serializes as the value's own fields, and `source` and `stale`:
/// `{"sku": "42", "in_stock": true, "source": "cache", "stale": true}`. A value without fields, or
/// with a field of one of these names, becomes `value`:
/// `{"value": 3, "source": "live", "stale": false}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sourced<T> {
    value: T,
    source: Source,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// The call has just returned it.
    Live,
    /// An earlier call returned it. The call now failed, or was switched off.
    #[non_exhaustive]
    Stale {
        /// The time since that call returned it, by tokio's clock.
        age: Duration,
    },
    /// It is the fallback.
    #[non_exhaustive]
    Fallback {
        /// The code of the error that it replaces, such as `CIRCUIT_OPEN`.
        cause: &'static str,
    },
}

impl<T> Sourced<T> {
    /// A value that the call has just returned.
    pub const fn live(value: T) -> Self {
        Self { value, source: Source::Live }
    }

    /// An earlier value of this age.
    pub const fn stale(value: T, age: Duration) -> Self {
        Self { value, source: Source::Stale { age } }
    }

    /// A fallback for the error with this code.
    pub const fn fallback(value: T, cause: &'static str) -> Self {
        Self { value, source: Source::Fallback { cause } }
    }

    /// Where the value comes from.
    pub const fn source(&self) -> Source {
        self.source
    }

    /// Whether the call has just returned the value.
    pub const fn is_live(&self) -> bool {
        matches!(self.source, Source::Live)
    }

    /// The value alone.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// Changes the value and keeps its source.
    ///
    /// ```
    /// use resilience::{Sourced, secs};
    ///
    /// let price = Sourced::stale(250, secs(60)).map(|cents| f64::from(cents) / 100.0);
    /// assert_eq!(price, Sourced::stale(2.5, secs(60)));
    /// ```
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Sourced<U> {
        Sourced { value: change(self.value), source: self.source }
    }

    /// The same source, with a reference to the value.
    pub const fn as_ref(&self) -> Sourced<&T> {
        Sourced { value: &self.value, source: self.source }
    }
}

impl<T> Deref for Sourced<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl Source {
    pub(crate) const fn fallback(cause: &'static str) -> Self {
        Self::Fallback { cause }
    }

    /// The name in events and answers: `live`, `cache` for a stale value, `default` for a fallback.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Stale { .. } => "cache",
            Self::Fallback { .. } => "default",
        }
    }

    /// The age of a stale value.
    pub const fn age(self) -> Option<Duration> {
        match self {
            Self::Stale { age } => Some(age),
            Self::Live | Self::Fallback { .. } => None,
        }
    }

    /// Whether the value may be outdated: it is an earlier one or a fallback.
    pub const fn is_stale(self) -> bool {
        !matches!(self, Self::Live)
    }
}

#[cfg(feature = "http")]
impl<T: serde::Serialize> serde::Serialize for Sourced<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{Error, SerializeMap};
        use serde_json::Value;

        // First into a tree, which shows whether there are fields to stand beside.
        let value = serde_json::to_value(&self.value).map_err(S::Error::custom)?;
        let mut map = serializer.serialize_map(None)?;
        match &value {
            Value::Object(fields)
                if !["source", "stale"].iter().any(|own| fields.contains_key(*own)) =>
            {
                for (name, value) in fields {
                    map.serialize_entry(name, value)?;
                }
            }
            value => map.serialize_entry("value", value)?,
        }
        map.serialize_entry("source", self.source.as_str())?;
        map.serialize_entry("stale", &self.source.is_stale())?;
        map.end()
    }
}
