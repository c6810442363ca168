//! What becomes of a message whose handler failed.

use std::fmt::Display;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::payload::{ARGUMENTS, Arguments, REDACTED_ARGUMENTS, UNSERIALIZED};
use super::replay::is_replayed;
use super::{DeadLetterStore, Letter, LetterFailure, LetterId, Payload, Reason};
use crate::error::log_text::LogText;
use crate::layer::classified::Classified;
use crate::layer::events::{self, LetterInfo};
use crate::layer::site::Site;
use crate::observe::request::{self, RequestContext};
use crate::retry::Attempts;
use crate::{Category, CircuitBreaker, Classification, Classify};

/// What surrounds a handler.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The queue that the message came from.
    pub queue: &'a str,
    /// The retry below.
    pub attempts: Option<&'a Attempts>,
    /// The circuit breaker below.
    pub breaker: Option<&'a CircuitBreaker>,
    /// The annotated function.
    pub site: &'static Site,
}

/// What becomes of a message.
enum Fate {
    DeadLetter(Reason),
    /// The source gets it back, for this reason.
    Returned(&'static str),
}

impl Fate {
    fn of(class: &Classification, breaker: Option<&CircuitBreaker>) -> Self {
        if let Some(rejected) = class.rejected().filter(|rejected| !rejected.is_timed_out()) {
            return Self::Returned(if rejected.is_circuit_open() {
                "circuit_open"
            } else {
                "switched_off"
            });
        }
        match class.category() {
            Some(Category::Fatal) => Self::Returned("fatal"),
            // The retry has stopped early, because the circuit has opened.
            Some(Category::Transient | Category::Partial)
                if breaker.is_some_and(CircuitBreaker::would_reject) =>
            {
                Self::Returned("circuit_open")
            }
            Some(Category::Transient | Category::Partial) => Self::DeadLetter(Reason::Exhausted),
            Some(Category::Permanent) | None => Self::DeadLetter(Reason::Permanent),
        }
    }
}

/// A letter that isn't stored yet.
#[derive(Debug)]
pub struct Draft {
    letter: Letter,
    arguments: Arguments,
    site: &'static Site,
}

impl Draft {
    /// Begins a letter, or returns `None` if the source must get the message back.
    pub fn of<E: Display>(
        error: &E,
        call: Call<'_>,
        classify: impl FnOnce(&E) -> Classified<E>,
    ) -> Option<Self> {
        let Call { queue, attempts, breaker, site } = call;
        if is_replayed(site) {
            return None;
        }
        let classified = site.classify(error, classify);
        let class = classified.class;
        let evidence = (classified.evidence)(error);
        let reason = match Fate::of(&class, breaker) {
            Fate::DeadLetter(reason) => reason,
            Fate::Returned(reason) => {
                events::message_retry(site, &classified.redacted(error), &class, queue, reason);
                return None;
            }
        };
        let failure = LetterFailure::classified(error, &class, &evidence);
        let mut letter = Letter::new(queue, Payload::json(Vec::new()), reason, failure);
        if let Some(attempts) = attempts {
            letter.attempts = attempts.number();
            let age = attempts.age_of_first_failure().unwrap_or(Duration::ZERO);
            letter.first_failure =
                letter.last_failure.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        }
        letter.request_id = request::request_id().map(|id| id.to_string());
        letter.trace_parent = RequestContext::current()
            .and_then(|context| context.trace_parent())
            .map(|parent| parent.to_string());
        Some(Self { letter, arguments: Arguments::new(), site })
    }

    /// Sets the key by which a repeat is recognised.
    pub fn dedupe_key(&mut self, key: &dyn Display) {
        self.letter.dedupe_key = Some(key.to_string());
    }

    /// Adds an argument.
    pub fn argument<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        self.arguments.add(name, value);
    }

    /// Adds the mark of an argument that must not be stored.
    pub fn redacted(&mut self, name: &str) {
        self.arguments.redact(name);
    }

    /// Sets the payload to the bytes of the message.
    pub fn payload(&mut self, bytes: &[u8], content_type: &str) {
        self.letter.payload = Payload::new(bytes, content_type);
    }

    /// Finishes a letter whose payload is the arguments.
    #[must_use]
    pub fn of_arguments(mut self) -> Self {
        self.note_missing();
        self.letter.payload = Payload::json(self.arguments.into_json());
        Self { arguments: Arguments::new(), ..self }
    }

    /// Finishes a letter with a payload of its own.
    #[must_use]
    pub fn of_payload(mut self) -> Self {
        self.note_missing();
        if !self.arguments.is_empty() {
            let json = String::from_utf8(self.arguments.into_json()).unwrap_or_default();
            self.letter.metadata.insert(ARGUMENTS.to_owned(), json);
        }
        Self { arguments: Arguments::new(), ..self }
    }

    fn note_missing(&mut self) {
        let Arguments { redacted, unserialized, .. } = &mut self.arguments;
        for (key, text) in [(REDACTED_ARGUMENTS, redacted), (UNSERIALIZED, unserialized)] {
            if !text.is_empty() {
                self.letter.metadata.insert(key.to_owned(), std::mem::take(text));
            }
        }
    }

    /// Stores the letter. `None` if that failed, so that the message must not be acknowledged.
    /// `named` is how the attribute names the store.
    pub async fn store(self, store: &dyn DeadLetterStore, named: &'static str) -> Option<LetterId> {
        let Self { letter, site, .. } = self;
        match store.store(&letter).await {
            Ok(stored) => {
                events::message_sent_to_dlq(site, &info(&letter), &stored.id);
                Some(stored.id)
            }
            Err(error) => {
                let text = LogText::of(&error, &error.evidence());
                events::dead_letter_failed(site, &info(&letter), &text, named, error.help());
                None
            }
        }
    }
}

/// What events say of a letter.
fn info(letter: &Letter) -> LetterInfo<'_> {
    let Letter { queue, reason, attempts, failure, .. } = letter;
    LetterInfo {
        queue,
        reason: reason.as_str(),
        attempts: *attempts,
        code: &failure.code,
        error_type: &failure.error_type,
        error: &failure.message,
        causes: failure.causes.as_deref(),
    }
}
