//! The arguments of a handler as the payload of a letter, and back.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::Letter;
use crate::support::catch_panic::catch_panic;
use crate::{Classification, Classify, ServiceError, taxonomy::Evidence};

/// What the payload has instead of an argument with `#[redact]`.
const REDACTED: &[u8] = b"\"[redacted]\"";

/// The key in [`Letter::metadata`] of the arguments beside a raw payload, as a JSON object.
pub(super) const ARGUMENTS: &str = "arguments";
/// The key of the names of the arguments that were left out by `#[redact]`.
pub(super) const REDACTED_ARGUMENTS: &str = "redacted";
/// The key of the arguments that couldn't be serialized, with serde's errors.
pub(super) const UNSERIALIZED: &str = "unserialized";

/// The arguments of a call as a JSON object.
#[derive(Debug)]
pub(super) struct Arguments {
    json: Vec<u8>,
    /// The names of those that are redacted.
    pub(super) redacted: String,
    /// The names of those that couldn't be serialized, with the reason.
    pub(super) unserialized: String,
}

impl Arguments {
    pub(super) const fn new() -> Self {
        Self { json: Vec::new(), redacted: String::new(), unserialized: String::new() }
    }

    /// Adds an argument. One that doesn't serialize is `null`, so that the letter is stored anyway.
    pub(super) fn add<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        self.key(name);
        let start = self.json.len();
        let written = catch_panic(|| {
            let mut text = Vec::new();
            serde_json::to_writer(&mut text, value).map(|()| text)
        });
        let reason = match written {
            Some(Ok(text)) => return self.json.extend(text),
            Some(Err(error)) => error.to_string(),
            None => "its `Serialize` panicked".to_owned(),
        };
        self.json.truncate(start);
        self.json.extend(b"null");
        list(&mut self.unserialized, "; ", &format!("{name}: {reason}"));
    }

    pub(super) fn redact(&mut self, name: &str) {
        self.key(name);
        self.json.extend(REDACTED);
        list(&mut self.redacted, ", ", name);
    }

    fn key(&mut self, name: &str) {
        self.json.push(if self.json.is_empty() { b'{' } else { b',' });
        // Names of arguments need no escapes.
        self.json.push(b'"');
        self.json.extend(name.as_bytes());
        self.json.extend(b"\":");
    }

    pub(super) fn is_empty(&self) -> bool {
        self.json.is_empty()
    }

    pub(super) fn into_json(mut self) -> Vec<u8> {
        if self.json.is_empty() {
            self.json.push(b'{');
        }
        self.json.push(b'}');
        self.json
    }
}

fn list(text: &mut String, separator: &str, item: &str) {
    if !text.is_empty() {
        text.push_str(separator);
    }
    text.push_str(item);
}

/// A letter whose arguments are read.
#[derive(Debug, Clone, Copy)]
pub struct Opened<'l> {
    letter: &'l Letter,
    arguments: &'l [u8],
}

impl<'l> Opened<'l> {
    /// Opens a letter whose payload is the arguments.
    pub fn new(letter: &'l Letter) -> Self {
        Self { letter, arguments: &letter.payload.bytes }
    }

    /// Opens a letter whose payload is that of the message, beside which there may be arguments.
    pub fn raw(letter: &'l Letter) -> Self {
        let arguments = letter.metadata.get(ARGUMENTS).map_or("{}", String::as_str);
        Self { letter, arguments: arguments.as_bytes() }
    }

    /// The payload of the message.
    pub fn bytes(self) -> &'l [u8] {
        &self.letter.payload.bytes
    }

    /// Reads an argument.
    ///
    /// # Errors
    ///
    /// If the letter doesn't have it, or has another type of value.
    pub fn argument<T: Deserialize<'l>>(self, name: &'static str) -> Result<T, PayloadError> {
        let lost = self.letter.metadata.get(UNSERIALIZED).is_some_and(|lost| {
            lost.split("; ").any(|lost| lost.split_once(": ").is_some_and(|(lost, _)| lost == name))
        });
        if lost {
            return Err(PayloadError::new(name, Lost::Unserialized));
        }
        let mut json = serde_json::Deserializer::from_slice(self.arguments);
        let found = Named { name, value: PhantomData }
            .deserialize(&mut json)
            .and_then(|found| json.end().map(|()| found));
        match found {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(PayloadError::new(name, Lost::Missing)),
            Err(error) => Err(PayloadError::new(name, Lost::Unreadable(error))),
        }
    }
}

/// Reads one field of a JSON object, and skips the others.
struct Named<T> {
    name: &'static str,
    value: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Named<T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Named<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the handler's arguments")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<T>, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            if found.is_none() && key == self.name {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// A letter doesn't have an argument that its handler needs. Permanent, `DEAD_LETTER_PAYLOAD`.
#[derive(Debug)]
pub struct PayloadError {
    argument: &'static str,
    lost: Lost,
}

#[derive(Debug)]
enum Lost {
    Missing,
    Unserialized,
    Unreadable(serde_json::Error),
}

impl PayloadError {
    const fn new(argument: &'static str, lost: Lost) -> Self {
        Self { argument, lost }
    }

    /// The name of the argument.
    pub const fn argument(&self) -> &'static str {
        self.argument
    }
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let argument = self.argument;
        match &self.lost {
            Lost::Missing => write!(f, "the letter has no argument `{argument}`"),
            Lost::Unserialized => {
                write!(f, "the letter lacks the argument `{argument}`, which didn't serialize")
            }
            Lost::Unreadable(_) => {
                write!(f, "the argument `{argument}` of the letter can't be read")
            }
        }
    }
}

impl Error for PayloadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.lost {
            Lost::Unreadable(error) => Some(error),
            Lost::Missing | Lost::Unserialized => None,
        }
    }
}

impl Classify for PayloadError {
    fn classify(&self) -> Classification {
        Classification::permanent("DEAD_LETTER_PAYLOAD")
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

impl ServiceError for PayloadError {}
