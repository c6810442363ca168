use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, Once};

use tracing::field::{Field, Visit};
use tracing::{Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// The library's events of this thread, from the moment of the capture on.
pub struct Events {
    events: Arc<Mutex<Vec<Event>>>,
}

thread_local! {
    static OF_THIS_THREAD: RefCell<Option<Arc<Mutex<Vec<Event>>>>> = const { RefCell::new(None) };
}

/// One subscriber for the whole process. With one for each thread, an event that a thread without a
/// subscriber meets first is remembered as wanted by nobody.
pub(crate) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(Collect);
        tracing::subscriber::set_global_default(subscriber)
            .expect("nothing else sets a subscriber");
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
    /// The message.
    pub name: String,
    /// The level.
    pub level: Level,
    /// All other fields.
    pub fields: BTreeMap<String, String>,
}

impl Events {
    /// Starts to collect; ends when it is dropped.
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

    /// What came so far.
    ///
    /// # Panics
    /// If a test panicked while an event was recorded.
    pub fn all(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    /// The names of what came so far.
    pub fn names(&self) -> Vec<String> {
        self.all().into_iter().map(|event| event.name).collect()
    }

    /// The events of this name.
    pub fn named(&self, name: &str) -> Vec<Event> {
        self.all().into_iter().filter(|event| event.name == name).collect()
    }
}

impl Event {
    /// The text of a field, or nothing.
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

struct Collect;

impl<S: Subscriber> Layer<S> for Collect {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != "resilience" {
            return;
        }
        let Some(events) = OF_THIS_THREAD.with_borrow(Clone::clone) else { return };
        let mut fields = Fields(BTreeMap::new());
        event.record(&mut fields);
        let name = fields.0.remove("message").unwrap_or_default();
        if let Ok(mut events) = events.lock() {
            events.push(Event { name, level: *event.metadata().level(), fields: fields.0 });
        }
    }
}

struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}
