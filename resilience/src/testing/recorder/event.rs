use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Level};

/// An event or a log record of the library. `Display` shows its level, name and fields.
#[derive(Debug, Clone)]
pub struct RecordedEvent {
    name: String,
    level: Level,
    target: &'static str,
    fields: Vec<(&'static str, String)>,
}

impl RecordedEvent {
    /// The event's name, such as `retry_scheduled`; of the log record of an error, its first word:
    /// `expected_error`, `unexpected_error` or `critical_error`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The level.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The target: `resilience`, or `resilience::report` of the log record of an error.
    pub fn target(&self) -> &'static str {
        self.target
    }

    /// The value of a field as text, or `None` if it has no value.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields().find_map(|(field, text)| (field == name).then_some(text))
    }

    /// All fields that have a value, as text.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.fields.iter().map(|(name, text)| (*name, text.as_str()))
    }

    pub(super) fn of(event: &Event<'_>) -> Self {
        let metadata = event.metadata();
        let mut recorded = Self {
            name: String::new(),
            level: *metadata.level(),
            target: metadata.target(),
            fields: Vec::new(),
        };
        event.record(&mut recorded);
        if recorded.is_record() {
            // `expected_error: NOT_FOUND …`
            let end = recorded.name.find(": ").unwrap_or(recorded.name.len());
            recorded.name.truncate(end);
        }
        recorded
    }

    pub(super) fn is_record(&self) -> bool {
        self.target == "resilience::report"
    }

    pub(super) fn is_retry(&self) -> bool {
        matches!(self.name(), "retry_scheduled" | "transaction_retry")
    }

    pub(super) fn is_stop(&self) -> bool {
        matches!(self.name(), "retry_stopped" | "transaction_stopped")
    }

    pub(super) fn is_degradation(&self) -> bool {
        self.name() == "graceful_degradation_activated"
    }

    pub(super) fn opens(&self, breaker: &str) -> bool {
        self.changes(breaker, &["open", "forced_open"])
    }

    pub(super) fn changes(&self, breaker: &str, to: &[&str]) -> bool {
        self.name() == "circuit_breaker_state_change"
            && self.field("dependency") == Some(breaker)
            && self.field("new_state").is_some_and(|state| to.contains(&state))
    }

    /// Whether it is about this function or service.
    pub(super) fn is_in(&self, name: &str) -> bool {
        self.field("function") == Some(name) || self.field("service") == Some(name)
    }

    fn add(&mut self, field: &Field, text: String) {
        match field.name() {
            "message" => self.name = text,
            name => self.fields.push((name, text)),
        }
    }
}

impl Visit for RecordedEvent {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.to_owned());
    }
}

impl fmt::Display for RecordedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.level, self.name)?;
        self.fields().try_for_each(|(name, text)| write!(f, " {name}={text:?}"))
    }
}
