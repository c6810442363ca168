use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex, Once};

use tracing::field::{Field, Visit};
use tracing::{Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// The library's events on this thread, from the moment of the capture on.
pub struct Events {
    events: Arc<Mutex<Vec<Event>>>,
}

thread_local! {
    static OF_THIS_THREAD: RefCell<Option<Arc<Mutex<Vec<Event>>>>> = const { RefCell::new(None) };
}

/// Installs the one subscriber of the process. With one per thread, an event that is first met on a
/// thread without a subscriber would be disabled for all threads.
pub(crate) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(Collect);
        tracing::subscriber::set_global_default(subscriber).expect("the only subscriber");
        // Another test may have met an event in between.
        tracing::callsite::rebuild_interest_cache();
    });
}

impl Drop for Events {
    fn drop(&mut self) {
        OF_THIS_THREAD.set(None);
    }
}

/// One event: its name and its fields, as text.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    target: &'static str,
    /// The message.
    pub name: String,
    /// The level.
    pub level: Level,
    /// All other fields.
    pub fields: BTreeMap<String, String>,
    /// Level, name and fields in their order, texts in quotes.
    pub line: String,
}

impl Events {
    /// Starts to collect; dropping the value ends it.
    ///
    /// # Panics
    /// If the process has another subscriber.
    #[must_use]
    pub fn capture() -> Self {
        listen();
        let events = Arc::default();
        OF_THIS_THREAD.set(Some(Arc::clone(&events)));
        Self { events }
    }

    /// The events so far, without those of alerts: alerts count the failures of the whole process,
    /// so one that another test has nearly raised may be raised in this one.
    ///
    /// # Panics
    /// If a test panicked while an event was recorded.
    pub fn all(&self) -> Vec<Event> {
        let mut events = self.events.lock().unwrap().clone();
        events.retain(|event| event.target == "resilience" && !event.name.starts_with("alert_"));
        events
    }

    /// The records of errors so far, which have a target of their own.
    ///
    /// # Panics
    /// If a test panicked while an event was recorded.
    pub fn reports(&self) -> Vec<Event> {
        let mut events = self.events.lock().unwrap().clone();
        events.retain(|event| event.target == "resilience::report");
        events
    }

    /// The names of the events so far.
    pub fn names(&self) -> Vec<String> {
        self.all().into_iter().map(|event| event.name).collect()
    }

    /// The events with this name.
    pub fn named(&self, name: &str) -> Vec<Event> {
        self.all().into_iter().filter(|event| event.name == name).collect()
    }
}

impl Event {
    /// The text of a field, empty if there is none.
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

struct Collect;

impl<S: Subscriber> Layer<S> for Collect {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let target = event.metadata().target();
        if target != "resilience" && target != "resilience::report" {
            return;
        }
        let Some(events) = OF_THIS_THREAD.with_borrow(Clone::clone) else { return };
        let level = *event.metadata().level();
        let mut fields = Fields { texts: BTreeMap::new(), line: level.to_string() };
        event.record(&mut fields);
        let Fields { mut texts, line } = fields;
        let name = texts.remove("message").unwrap_or_default();
        if let Ok(mut events) = events.lock() {
            events.push(Event { target, name, level, fields: texts, line });
        }
    }
}

struct Fields {
    texts: BTreeMap<String, String>,
    line: String,
}

impl Fields {
    fn add(&mut self, field: &Field, text: String, shown: &dyn Debug) {
        let _ = match field.name() {
            "message" => write!(self.line, " {shown:?}"),
            name => write!(self.line, " {name}={shown:?}"),
        };
        self.texts.insert(field.name().to_owned(), text);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field, format!("{value:?}"), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.to_owned(), &value);
    }
}
