use std::cell::RefCell;
use std::io;
use std::ops::Deref;
use std::sync::{Arc, Mutex, Once};

use serde_json::Value;
use tracing::Level;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{filter, fmt};

/// The events on this thread, as the lines of JSON that a service would log, from the moment of the
/// capture on.
pub struct Records {
    lines: Arc<Mutex<Vec<u8>>>,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Record(Value);

thread_local! {
    static OF_THIS_THREAD: RefCell<Option<Arc<Mutex<Vec<u8>>>>> = const { RefCell::new(None) };
}

impl Records {
    /// Starts to collect; dropping the value ends it.
    ///
    /// # Panics
    /// If the process has another subscriber.
    #[must_use]
    pub fn capture() -> Self {
        Self::listen(Level::DEBUG);
        let lines = Arc::default();
        OF_THIS_THREAD.set(Some(Arc::clone(&lines)));
        Self { lines }
    }

    /// Installs the one subscriber of the process, which gives each thread its own lines. With one
    /// per thread, an event that is first met on a thread without a subscriber would be disabled
    /// for all threads.
    ///
    /// # Panics
    /// If the process has another subscriber.
    pub fn listen(level: Level) {
        static LISTENING: Once = Once::new();
        LISTENING.call_once(|| {
            let json = fmt::layer().json().flatten_event(true).with_writer(|| OfThisThread);
            let ours =
                filter::Targets::new().with_target("resilience", level).with_target("test", level);
            let subscriber = tracing_subscriber::registry()
                .with(ours)
                .with(tracing_error::ErrorLayer::default())
                .with(json);
            tracing::subscriber::set_global_default(subscriber).expect("the only subscriber");
            // Another test may have met an event in between.
            tracing::callsite::rebuild_interest_cache();
        });
    }

    /// The records so far, without those of alerts: alerts count the failures of the whole process,
    /// so one that another test has nearly raised may be raised in this one.
    ///
    /// # Panics
    /// If a line isn't JSON.
    pub fn all(&self) -> Vec<Record> {
        self.lines().into_iter().filter(|record| !record.is_of_alert()).collect()
    }

    /// The records of alerts so far.
    ///
    /// # Panics
    /// If a line isn't JSON.
    pub fn alerts(&self) -> Vec<Record> {
        self.lines().into_iter().filter(Record::is_of_alert).collect()
    }

    fn lines(&self) -> Vec<Record> {
        let lines =
            String::from_utf8(self.lines.lock().unwrap().clone()).expect("the log is UTF-8");
        lines.lines().map(|line| Record(serde_json::from_str(line).expect(line))).collect()
    }

    /// The reports of errors so far.
    ///
    /// # Panics
    /// If a line isn't JSON.
    pub fn reports(&self) -> Vec<Record> {
        self.all()
            .into_iter()
            .filter(|record| record.text("target") == "resilience::report")
            .collect()
    }

    /// The messages of the records so far.
    pub fn names(&self) -> Vec<String> {
        self.all().iter().map(|record| record.text("message").to_owned()).collect()
    }

    /// The only report.
    ///
    /// # Panics
    /// If there is none, or more than one.
    pub fn only(&self) -> Record {
        let all = self.reports();
        assert_eq!(all.len(), 1, "{all:#?}");
        all[0].clone()
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        OF_THIS_THREAD.set(None);
    }
}

impl Record {
    /// A field as text. Of a report's message, the name of the event.
    ///
    /// # Panics
    /// If it isn't there, or isn't text.
    pub fn text(&self, field: &str) -> &str {
        let text = self[field].as_str().unwrap_or_else(|| panic!("{field} in {:#}", self.0));
        match field {
            "message" => text.split(": ").next().unwrap_or_default(),
            _ => text,
        }
    }

    /// A field that holds a JSON array of texts.
    ///
    /// # Panics
    /// If it isn't there, or holds anything else.
    pub fn list(&self, field: &str) -> Vec<String> {
        serde_json::from_str(self.text(field)).expect("an array of texts")
    }

    /// Whether there is such a field.
    pub fn has(&self, field: &str) -> bool {
        self.get(field).is_some()
    }

    fn is_of_alert(&self) -> bool {
        self["target"] == "resilience"
            && self["message"].as_str().is_some_and(|message| message.starts_with("alert_"))
    }
}

impl Deref for Record {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

struct OfThisThread;

impl io::Write for OfThisThread {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(lines) = OF_THIS_THREAD.with_borrow(Clone::clone) {
            lines.lock().unwrap().extend_from_slice(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
