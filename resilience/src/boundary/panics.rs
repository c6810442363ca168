//! Panics as errors that are reported, with the place that only the panic hook learns.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::panic::{self, AssertUnwindSafe, Location, PanicHookInfo};
use std::sync::{Mutex, Once, PoisonError};

use crate::support::catch_panic::catch_panic;
use crate::{Classification, Classify, report::Report, taxonomy::Evidence};

/// A panic that was caught.
#[derive(Debug)]
pub(crate) struct Panicked {
    message: String,
    place: Option<Box<Place>>,
}

#[derive(Debug)]
struct Place {
    /// What the panic said there.
    message: String,
    file: String,
    line: u32,
    column: u32,
    backtrace: Backtrace,
    /// The panic before it, which may be under way: something that it drops has panicked, and was
    /// caught.
    before: Option<Box<Self>>,
}

/// How many of them are kept.
const KEPT: usize = 4;

type Payload = Box<dyn Any + Send>;

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static LAST: Cell<Option<Box<Place>>> = const { Cell::new(None) };
}

/// Runs a function that may panic.
#[cfg(any(feature = "axum", feature = "tonic"))]
pub(crate) fn catch<T>(function: impl FnOnce() -> T) -> Result<T, Panicked> {
    watched(function).map_err(|(panicked, payload)| {
        catch_panic(|| drop(payload));
        panicked
    })
}

/// Runs a function whose panic goes on once it has been told of.
pub(crate) fn observe_panic<T>(function: impl FnOnce() -> T, tell: impl FnOnce(&Panicked)) -> T {
    watched(function).unwrap_or_else(|(panicked, payload)| {
        catch_panic(|| tell(&panicked));
        // For who looks at it further out, whom the hook tells nothing.
        match panicked.place {
            Some(place) => put(place),
            None => drop(exchange(None)),
        }
        panic::resume_unwind(payload)
    })
}

#[inline]
fn watched<T>(function: impl FnOnce() -> T) -> Result<T, (Panicked, Payload)> {
    let was = CATCHING.replace(true);
    // Perhaps of a panic that is under way, and runs this as it drops something.
    let before = exchange(None);
    // Whatever the function has left half done is dropped, and not looked at again.
    let outcome = panic::catch_unwind(AssertUnwindSafe(function));
    CATCHING.set(was);
    match outcome {
        Ok(value) => {
            exchange(before);
            Ok(value)
        }
        Err(payload) => {
            let message = message(&*payload);
            // A panic that is only handed on tells the hook nothing, and another may have been
            // caught on the way.
            let place = said(exchange(before), &message);
            Err((Panicked { message, place }, payload))
        }
    }
}

/// What was there before. Where a thread ends, and has dropped it, nothing is kept.
fn exchange(place: Option<Box<Place>>) -> Option<Box<Place>> {
    LAST.try_with(|last| last.replace(place)).ok().flatten()
}

/// Puts a place before those that are there.
fn put(mut place: Box<Place>) {
    place.before = exchange(None);
    let mut last = &mut place.before;
    for _ in 1..KEPT {
        let Some(place) = last else { break };
        last = &mut place.before;
    }
    *last = None;
    exchange(Some(place));
}

/// The last one that said so.
fn said(mut last: Option<Box<Place>>, message: &str) -> Option<Box<Place>> {
    while let Some(mut place) = last {
        last = place.before.take();
        if place.message == message {
            return Some(place);
        }
    }
    None
}

/// Puts a look at each panic's place before the hook that is there, once per process.
#[inline]
pub(crate) fn watch() {
    static WATCHING: Once = Once::new();
    if !WATCHING.is_completed() {
        begin(&WATCHING);
    }
}

#[cold]
fn begin(watching: &Once) {
    // A panicking thread can't change the hook, and trying to would abort the process.
    if std::thread::panicking() {
        return;
    }
    watching.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            note(info);
            before(info);
        }));
    });
}

fn note(info: &PanicHookInfo<'_>) {
    if CATCHING.try_with(Cell::get) != Ok(true) {
        return;
    }
    let Some(location) = info.location() else { return };
    put(Box::new(Place {
        message: message(info.payload()),
        file: location.file().to_owned(),
        line: location.line(),
        column: location.column(),
        backtrace: Backtrace::capture(),
        before: None,
    }));
}

fn message(payload: &(dyn Any + Send)) -> String {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (None, Some(text)) => text.clone(),
        (None, None) => "a value that is no text".to_owned(),
    }
}

impl Panicked {
    /// Writes the log record at a boundary. It has the panic's place, or the boundary's if the hook
    /// couldn't tell, and this operation, or the context's.
    pub(crate) fn report(&self, operation: Option<&str>, boundary: &'static Location<'static>) {
        let place = self.place.as_ref().map(|place| (kept(&place.file), place.line));
        let (file, line) = place.unwrap_or((boundary.file(), boundary.line()));
        let report = Report::new(self).at(file, line).passes(boundary);
        match operation {
            Some(operation) => report.operation(operation).emit(),
            None => report.emit(),
        };
    }
}

/// The name of a source file for good: the hook only lends it. There are as many as files that
/// panic.
fn kept(file: &str) -> &'static str {
    static FILES: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = files.iter().find(|known| **known == file) {
        return known;
    }
    let new: &'static str = Box::leak(file.into());
    files.push(new);
    new
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.as_deref() {
            Some(Place { file, line, column, .. }) => {
                write!(f, "panicked at {file}:{line}:{column}: {}", self.message)
            }
            None => write!(f, "panicked: {}", self.message),
        }
    }
}

impl Error for Panicked {}

impl Classify for Panicked {
    /// A bug, so unexpected.
    fn classify(&self) -> Classification {
        Classification::permanent("PANIC")
    }

    fn evidence(&self) -> Evidence<'_> {
        let evidence = Evidence::of(self);
        match &self.place {
            Some(place) => evidence.with_backtrace(&place.backtrace),
            None => evidence,
        }
    }
}

#[cfg(all(test, any(feature = "axum", feature = "tonic")))]
mod tests {
    use super::*;

    #[test]
    fn a_panic_that_somebody_else_caught_lends_its_place_to_no_other() {
        watch();
        catch(|| drop(panic::catch_unwind(|| panic!("caught by the handler")))).unwrap();
        // What a joined task panicked with goes on without the hook.
        let resumed = catch(|| panic::resume_unwind(Box::new("of a task"))).unwrap_err();
        assert_eq!(resumed.to_string(), "panicked: of a task");
        let resumed = catch(|| {
            drop(panic::catch_unwind(|| panic!("caught by the handler")));
            panic::resume_unwind(Box::new("of a task"))
        });
        assert_eq!(resumed.unwrap_err().to_string(), "panicked: of a task");
    }

    #[test]
    fn a_panic_keeps_its_place_whatever_is_caught_while_it_unwinds() {
        struct Rollback;

        impl Drop for Rollback {
            fn drop(&mut self) {
                drop(panic::catch_unwind(|| observe_panic(|| panic!("of a boundary"), |_| {})));
                for number in 0..2 {
                    drop(panic::catch_unwind(|| panic!("of the rollback {number}")));
                }
            }
        }

        watch();
        let panicked = catch(|| {
            let _rollback = Rollback;
            panic!("of the handler")
        });
        let told = panicked.map(|()| String::new()).unwrap_err().to_string();
        assert!(
            told.starts_with(concat!("panicked at ", file!(), ":"))
                && told.ends_with(": of the handler"),
            "{told}"
        );
    }
}
