//! The subscriber of a scope: it records the library's events, and passes everything on.

use std::sync::OnceLock;

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Level, Metadata, Subscriber, dispatcher};
use tracing_core::span::Current;

use super::{RecordedEvent, Recorders};

/// Creates the subscriber. Everything also goes to the one that is current now.
pub(super) fn recording(recorders: &'static Recorders) -> Dispatch {
    let outer = dispatcher::get_default(Dispatch::clone);
    Dispatch::new(Recording { recorders, outer })
}

/// Keeps tracing from deciding, for the whole process, that no one wants the library's events.
///
/// Tracing decides that when an event is first met. If there is only one subscriber in the process,
/// it asks the thread that meets the event; a thread without one then disables the event for all.
/// With two subscribers that last, tracing asks these, and later each thread for itself.
pub(super) fn keep_callsites_enabled() {
    static SUBSCRIBERS: OnceLock<[Dispatch; 2]> = OnceLock::new();
    SUBSCRIBERS.get_or_init(|| [Dispatch::new(Interested), Dispatch::new(Interested)]);
}

fn is_recorded(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let is_ours = target == "resilience" || target.starts_with("resilience::");
    is_ours && metadata.is_event() && *metadata.level() <= Level::DEBUG
}

struct Recording {
    recorders: &'static Recorders,
    outer: Dispatch,
}

impl Subscriber for Recording {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // The outer subscriber decides at each event, as it has registered the callsite itself.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_recorded(metadata) || self.outer.enabled(metadata)
    }

    fn event(&self, event: &Event<'_>) {
        if is_recorded(event.metadata()) {
            self.recorders.record(&RecordedEvent::of(event));
        }
        if self.outer.enabled(event.metadata()) {
            self.outer.event(event);
        }
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.outer.new_span(span)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.outer.record(span, values);
    }

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        self.outer.record_follows_from(span, follows);
    }

    fn enter(&self, span: &Id) {
        self.outer.enter(span);
    }

    fn exit(&self, span: &Id) {
        self.outer.exit(span);
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.outer.clone_span(id)
    }

    fn try_close(&self, id: Id) -> bool {
        self.outer.try_close(id)
    }

    fn current_span(&self) -> Current {
        self.outer.current_span()
    }
}

/// A subscriber of nothing, which may always become interested.
struct Interested;

impl Subscriber for Interested {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_recorded(metadata) { Interest::sometimes() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    fn event(&self, _: &Event<'_>) {}

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
