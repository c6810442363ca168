//! The id of a letter.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// Identifies a stored letter. Ids sort by the time of their creation.
///
/// The text is a UUID of version 7, such as `01890a5d-ac96-774b-bcce-b302099a8057`.
///
/// ```
/// use resilience::dead_letter::LetterId;
///
/// let id = LetterId::new();
/// assert_eq!(id.to_string().parse(), Ok(id));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterId(Uuid);

impl LetterId {
    /// Creates an id that no other letter has.
    #[expect(clippy::new_without_default, reason = "each call returns another id")]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id as a number, for a store that keeps it as 16 bytes.
    pub const fn to_u128(self) -> u128 {
        self.0.as_u128()
    }

    /// The id with this number.
    pub const fn from_u128(number: u128) -> Self {
        Self(Uuid::from_u128(number))
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for LetterId {
    type Err = InvalidLetterId;

    fn from_str(text: &str) -> Result<Self, InvalidLetterId> {
        Uuid::try_parse(text).map(Self).map_err(|_| InvalidLetterId)
    }
}

/// The text isn't the id of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidLetterId;

impl fmt::Display for InvalidLetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the id of a letter; an id looks like 01890a5d-ac96-774b-bcce-b302099a8057")
    }
}

impl Error for InvalidLetterId {}
