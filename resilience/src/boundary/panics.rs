//! Reports panics as errors, with the location that is only available to the panic hook.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::panic::{self, AssertUnwindSafe, Location, PanicHookInfo};
use std::sync::{Mutex, Once, PoisonError};

use crate::layer::site::Site;
use crate::support::catch_panic::catch_panic;
use crate::support::prefix;
use crate::{Classification, Classify, report::Report, taxonomy::Evidence};

/// A panic that was caught.
#[derive(Debug)]
pub(crate) struct Panicked {
    message: String,
    place: Option<Box<Place>>,
}

#[derive(Debug)]
struct Place {
    /// The panic's message, which identifies it.
    message: String,
    file: String,
    line: u32,
    column: u32,
    backtrace: Backtrace,
    /// The previous panic. It may still be unwinding, if this one occurred in a destructor and was
    /// caught there.
    previous: Option<Box<Self>>,
}

/// How much is kept of a panic's message, in bytes.
const MAX_MESSAGE: usize = 64 * 1024;

/// The maximum number of panics remembered per thread.
const MAX_PLACES: usize = 4;

type Payload = Box<dyn Any + Send>;

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static LAST: Cell<Option<Box<Place>>> = const { Cell::new(None) };
}

/// Runs a function and catches a panic.
#[cfg(any(feature = "axum", feature = "tonic"))]
pub(crate) fn catch<T>(function: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_with_place(function).map_err(|(panicked, payload)| {
        catch_panic(|| drop(payload));
        panicked
    })
}

/// Runs a function, passes a panic to `observe`, and then resumes it.
pub(crate) fn observe_panic<T>(function: impl FnOnce() -> T, observe: impl FnOnce(&Panicked)) -> T {
    catch_with_place(function).unwrap_or_else(|(panicked, payload)| {
        catch_panic(|| observe(&panicked));
        // Keep the place for outer boundaries: a resumed panic doesn't run the hook.
        match panicked.place {
            Some(place) => push(place),
            None => drop(replace_last(None)),
        }
        panic::resume_unwind(payload)
    })
}

#[inline]
fn catch_with_place<T>(function: impl FnOnce() -> T) -> Result<T, (Panicked, Payload)> {
    let was_catching = CATCHING.replace(true);
    // If this runs in a destructor, these belong to a panic that is unwinding.
    let previous = replace_last(None);
    // Unwind safe: anything the function left inconsistent is dropped without being used again.
    let outcome = panic::catch_unwind(AssertUnwindSafe(function));
    CATCHING.set(was_catching);
    match outcome {
        Ok(value) => {
            replace_last(previous);
            Ok(value)
        }
        Err(payload) => {
            let message = message(&*payload);
            // A resumed panic doesn't run the hook, and another panic may have been caught in the
            // meantime. So find the place by the message.
            let place = find(replace_last(previous), &message);
            Err((Panicked { message, place }, payload))
        }
    }
}

/// Replaces the last place and returns the old one. Does nothing if the thread is shutting down and
/// has already dropped its locals.
fn replace_last(place: Option<Box<Place>>) -> Option<Box<Place>> {
    LAST.try_with(|last| last.replace(place)).ok().flatten()
}

/// Adds a place in front of the existing ones.
fn push(mut place: Box<Place>) {
    place.previous = replace_last(None);
    let mut oldest = &mut place.previous;
    for _ in 1..MAX_PLACES {
        let Some(place) = oldest else { break };
        oldest = &mut place.previous;
    }
    *oldest = None;
    replace_last(Some(place));
}

/// The most recent place with this message.
fn find(mut last: Option<Box<Place>>, message: &str) -> Option<Box<Place>> {
    while let Some(mut place) = last {
        last = place.previous.take();
        if place.message == message {
            return Some(place);
        }
    }
    None
}

/// Installs the panic hook, once per process. It records the place and then calls the previous
/// hook.
#[inline]
pub(crate) fn install_hook() {
    static INSTALLED: Once = Once::new();
    if !INSTALLED.is_completed() {
        install_once(&INSTALLED);
    }
}

#[cold]
fn install_once(installed: &Once) {
    // Changing the hook on a panicking thread panics again, which would abort the process.
    if std::thread::panicking() {
        return;
    }
    installed.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            record_place(info);
            previous(info);
        }));
    });
}

fn record_place(info: &PanicHookInfo<'_>) {
    if CATCHING.try_with(Cell::get) != Ok(true) {
        return;
    }
    let Some(location) = info.location() else { return };
    push(Box::new(Place {
        message: message(info.payload()),
        file: location.file().to_owned(),
        line: location.line(),
        column: location.column(),
        backtrace: Backtrace::capture(),
        previous: None,
    }));
}

/// The beginning of the panic's message, which is enough to recognise and to report it.
fn message(payload: &(dyn Any + Send)) -> String {
    let text = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (None, Some(text)) => text.as_str(),
        (None, None) => "non-string panic payload",
    };
    prefix::of(text, MAX_MESSAGE).to_owned()
}

impl Panicked {
    /// Reports the panic at a boundary. The record has the place of the panic, or the boundary's if
    /// unknown, and the given operation, or else the context's.
    #[cfg(any(feature = "axum", feature = "tonic"))]
    pub(crate) fn report(&self, operation: Option<&str>, boundary: &'static Location<'static>) {
        self.report_at(operation, boundary, None);
    }

    /// Like [`report`](Self::report), of an annotated function.
    pub(super) fn report_at(
        &self,
        operation: Option<&str>,
        boundary: &'static Location<'static>,
        site: Option<&'static Site>,
    ) {
        let place = self.place.as_ref().map(|place| (intern(&place.file), place.line));
        let (file, line) = place.unwrap_or((boundary.file(), boundary.line()));
        let report = Report::new(self).at(file, line).boundary(boundary).site(site);
        match operation {
            Some(operation) => report.operation(operation).emit(),
            None => report.emit(),
        };
    }
}

/// Interns the name of a source file, because the hook only borrows it. The number of names is
/// bounded by the number of source files that panic.
fn intern(file: &str) -> &'static str {
    static FILES: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(interned) = files.iter().find(|interned| **interned == file) {
        return interned;
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
    /// A panic is a bug, so it is unexpected.
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
    fn place_of_a_caught_panic_is_not_used_for_a_resumed_one() {
        install_hook();
        catch(|| drop(panic::catch_unwind(|| panic!("caught by the handler")))).unwrap();
        // Resuming the panic of a joined task doesn't run the hook.
        let resumed = catch(|| panic::resume_unwind(Box::new("of a task"))).unwrap_err();
        assert_eq!(resumed.to_string(), "panicked: of a task");
        let resumed = catch(|| {
            drop(panic::catch_unwind(|| panic!("caught by the handler")));
            panic::resume_unwind(Box::new("of a task"))
        });
        assert_eq!(resumed.unwrap_err().to_string(), "panicked: of a task");
    }

    #[test]
    fn panic_keeps_its_place_when_others_are_caught_during_unwinding() {
        struct Rollback;

        impl Drop for Rollback {
            fn drop(&mut self) {
                drop(panic::catch_unwind(|| observe_panic(|| panic!("of a boundary"), |_| {})));
                for number in 0..2 {
                    drop(panic::catch_unwind(|| panic!("of the rollback {number}")));
                }
            }
        }

        install_hook();
        let panicked = catch(|| {
            let _rollback = Rollback;
            panic!("of the handler")
        });
        let text = panicked.map(|()| String::new()).unwrap_err().to_string();
        assert!(
            text.starts_with(concat!("panicked at ", file!(), ":"))
                && text.ends_with(": of the handler"),
            "{text}"
        );
    }
}
