//! Messages, and what a handler makes of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

/// A message as the broker delivered it. Cloning is cheap.
///
/// ```
/// use resilience_consume::Message;
///
/// let message = Message::new("{\"sku\":12}").id("order-7").header("x-request-id", "req-1");
/// assert_eq!(message.payload(), b"{\"sku\":12}");
/// assert_eq!(message.request_id(), Some("req-1"));
/// ```
#[derive(Clone)]
pub struct Message(Arc<Contents>);

#[derive(Clone)]
struct Contents {
    payload: Vec<u8>,
    content_type: String,
    id: Option<String>,
    headers: BTreeMap<String, String>,
    deliveries: u32,
    timestamp: Option<SystemTime>,
}

impl Message {
    /// Creates a message that is delivered for the first time, of type `application/octet-stream`,
    /// with no id, no headers and no timestamp.
    pub fn new(payload: impl Into<Vec<u8>>) -> Self {
        Self(Arc::new(Contents {
            payload: payload.into(),
            content_type: "application/octet-stream".to_owned(),
            id: None,
            headers: BTreeMap::new(),
            deliveries: 1,
            timestamp: None,
        }))
    }

    /// Sets the id. Dead letters of one queue with the same id are stored once.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.contents().id = Some(id.into());
        self
    }

    /// Sets the media type, such as `application/json`.
    #[must_use]
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.contents().content_type = content_type.into();
        self
    }

    /// Sets a header. Names are compared without regard to ASCII case.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.contents().headers.insert(name.into().to_ascii_lowercase(), value.into());
        self
    }

    /// Sets when the message was published.
    #[must_use]
    pub fn published_at(mut self, time: SystemTime) -> Self {
        self.contents().timestamp = Some(time);
        self
    }

    /// Sets how often the message was delivered, this time included. A source calls this with the
    /// number that its broker has counted; 0 becomes 1.
    #[must_use]
    pub fn delivered(mut self, times: u32) -> Self {
        self.contents().deliveries = times.max(1);
        self
    }

    fn contents(&mut self) -> &mut Contents {
        Arc::make_mut(&mut self.0)
    }

    /// The bytes.
    pub fn payload(&self) -> &[u8] {
        &self.0.payload
    }

    /// The media type.
    pub fn media_type(&self) -> &str {
        &self.0.content_type
    }

    /// The id, if the broker or the publisher set one.
    pub fn message_id(&self) -> Option<&str> {
        self.0.id.as_deref()
    }

    /// The headers as text. Names are in lower case.
    pub fn headers(&self) -> &BTreeMap<String, String> {
        &self.0.headers
    }

    /// How often the message was delivered, this time included. Starts at 1.
    pub fn deliveries(&self) -> u32 {
        self.0.deliveries
    }

    /// When it was published, if known.
    pub fn timestamp(&self) -> Option<SystemTime> {
        self.0.timestamp
    }

    /// The request that the message belongs to: the header `x-request-id`, or else the id.
    pub fn request_id(&self) -> Option<&str> {
        self.0.headers.get("x-request-id").map(String::as_str).or(self.message_id())
    }

    /// The header `traceparent`, if it is a valid [W3C traceparent] of version 00.
    ///
    /// [W3C traceparent]: https://www.w3.org/TR/trace-context/#traceparent-header
    pub fn trace_parent(&self) -> Option<&str> {
        let text = self.0.headers.get("traceparent")?;
        is_trace_parent(text).then_some(text)
    }
}

fn is_trace_parent(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut part = |length, zero_allowed| {
        parts.next().is_some_and(|part| {
            part.len() == length
                && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
                && (zero_allowed || part.bytes().any(|byte| byte != b'0'))
        })
    };
    text.starts_with("00-")
        && part(2, true)
        && part(32, false)
        && part(16, false)
        && part(2, true)
        && parts.next().is_none()
}

/// Shows the length instead of the bytes, and no header values: they may hold personal data.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Contents { payload, content_type, id, headers, deliveries, timestamp } = &*self.0;
        f.debug_struct("Message")
            .field("bytes", &payload.len())
            .field("content_type", content_type)
            .field("id", id)
            .field("headers", &headers.keys())
            .field("deliveries", deliveries)
            .field("timestamp", timestamp)
            .finish()
    }
}

/// What a handler takes: a [`Message`], its decoded payload such as `Json<T>`, or a pair of both.
///
/// ```
/// use resilience_consume::{FromMessage, Message, Undecodable};
///
/// struct Sku(u64);
///
/// impl FromMessage for Sku {
///     fn from_message(message: &Message) -> Result<Self, Undecodable> {
///         let bytes = message.payload().try_into().map_err(Undecodable::new)?;
///         Ok(Self(u64::from_be_bytes(bytes)))
///     }
/// }
///
/// assert_eq!(Sku::from_message(&Message::new([0, 0, 0, 0, 0, 0, 0, 12])).unwrap().0, 12);
/// assert!(Sku::from_message(&Message::new("12")).is_err());
/// ```
pub trait FromMessage: Sized {
    /// Decodes the message.
    ///
    /// # Errors
    ///
    /// If it can't be decoded. The message is dead-lettered with its bytes, and not tried again.
    fn from_message(message: &Message) -> Result<Self, Undecodable>;
}

impl FromMessage for Message {
    fn from_message(message: &Message) -> Result<Self, Undecodable> {
        Ok(message.clone())
    }
}

impl FromMessage for Vec<u8> {
    fn from_message(message: &Message) -> Result<Self, Undecodable> {
        Ok(message.payload().to_vec())
    }
}

/// The payload as UTF-8.
impl FromMessage for String {
    fn from_message(message: &Message) -> Result<Self, Undecodable> {
        std::str::from_utf8(message.payload()).map(str::to_owned).map_err(Undecodable::new)
    }
}

impl<A: FromMessage, B: FromMessage> FromMessage for (A, B) {
    fn from_message(message: &Message) -> Result<Self, Undecodable> {
        Ok((A::from_message(message)?, B::from_message(message)?))
    }
}

/// A payload that is decoded from JSON.
#[cfg(feature = "json")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json<T>(pub T);

#[cfg(feature = "json")]
impl<T: serde::de::DeserializeOwned> FromMessage for Json<T> {
    fn from_message(message: &Message) -> Result<Self, Undecodable> {
        serde_json::from_slice(message.payload()).map(Self).map_err(Undecodable::new)
    }
}

/// A payload that can't be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecodable(String);

impl Undecodable {
    /// Says what is wrong. The text goes into the dead letter and into the log.
    pub fn new(problem: impl fmt::Display) -> Self {
        Self(problem.to_string())
    }
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the message can't be decoded: ")?;
        f.write_str(&self.0)
    }
}

impl std::error::Error for Undecodable {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_valid_trace_parent_is_used() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(Message::new("").header("Traceparent", good).trace_parent(), Some(good));
        for bad in [
            "",
            "00",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(Message::new("").header("traceparent", bad).trace_parent(), None, "{bad}");
        }
    }
}
