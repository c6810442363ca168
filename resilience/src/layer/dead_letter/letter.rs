//! A letter: a message that couldn't be processed, and why.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use super::LetterFailure;

/// A message that couldn't be processed, with what is needed to find out why and to replay it.
///
/// ```
/// use resilience::dead_letter::{Letter, LetterFailure, Payload, Reason};
/// use resilience::errors::NotFound;
///
/// let failure = LetterFailure::of(&NotFound::new("sku", "12"));
/// let letter = Letter::new("orders", Payload::json("{\"sku\":\"12\"}"), Reason::Permanent, failure);
/// assert_eq!((letter.queue.as_str(), letter.attempts), ("orders", 1));
/// assert_eq!(letter.failure.code, "NOT_FOUND");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Letter {
    /// The queue that the message came from.
    pub queue: String,
    /// The message as it was received.
    pub payload: Payload,
    /// Why it is a dead letter.
    pub reason: Reason,
    /// The last failure.
    pub failure: LetterFailure,
    /// How often the message was tried, the first time included.
    pub attempts: u32,
    /// When the first attempt failed.
    pub first_failure: SystemTime,
    /// When the last attempt failed.
    pub last_failure: SystemTime,
    /// The id of the request that the message belongs to.
    pub request_id: Option<String>,
    /// The W3C `traceparent` of the message.
    pub trace_parent: Option<String>,
    /// Letters of one queue with the same key are stored once while they aren't replayed. A repeat
    /// adds its attempts to the stored letter, and updates its last failure.
    pub dedupe_key: Option<String>,
    /// Further facts about the message, such as its headers or its partition.
    pub metadata: BTreeMap<String, String>,
}

impl Letter {
    /// Creates a letter after one attempt that failed now.
    pub fn new(
        queue: impl Into<String>,
        payload: Payload,
        reason: Reason,
        failure: LetterFailure,
    ) -> Self {
        let now = SystemTime::now();
        Self {
            queue: queue.into(),
            payload,
            reason,
            failure,
            attempts: 1,
            first_failure: now,
            last_failure: now,
            request_id: None,
            trace_parent: None,
            dedupe_key: None,
            metadata: BTreeMap::new(),
        }
    }
}

/// The bytes of a message, and what they are.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Payload {
    /// The bytes, unchanged.
    pub bytes: Vec<u8>,
    /// The media type, such as `application/json`.
    pub content_type: String,
}

impl Payload {
    /// A payload of this media type.
    pub fn new(bytes: impl Into<Vec<u8>>, content_type: impl Into<String>) -> Self {
        Self { bytes: bytes.into(), content_type: content_type.into() }
    }

    /// A payload of type `application/json`. The text isn't checked.
    pub fn json(text: impl Into<Vec<u8>>) -> Self {
        Self::new(text, "application/json")
    }
}

/// Shows the length instead of the bytes, which may hold personal data.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes of {:?})", self.bytes.len(), self.content_type)
    }
}

/// Why a message is a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// It failed with an error that another attempt can't fix.
    Permanent,
    /// Each attempt failed with an error that another attempt could have fixed.
    Exhausted,
    /// It was delivered too often without a result, because its consumer panicked or was killed.
    Poison,
    /// Its bytes couldn't be decoded.
    Undecodable,
    /// It was too old when it was received.
    Expired,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 5] =
        [Self::Permanent, Self::Exhausted, Self::Poison, Self::Undecodable, Self::Expired];

    /// The name in lower case: `permanent`. [`FromStr`] reads it back.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::Exhausted => "exhausted",
            Self::Poison => "poison",
            Self::Undecodable => "undecodable",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Reason {
    type Err = String;

    /// # Errors
    ///
    /// A sentence that lists the names, if the text is none of them.
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            format!("{text:?} is not a reason; the reasons are {names}")
        })
    }
}
