//! The handler, with its types erased.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use resilience::dead_letter::LetterFailure;
use resilience::report::Report;
use resilience::{Classification, Classify};

use crate::{FromMessage, Message, Undecodable};

/// The handler of a consumer.
pub(crate) type Handler = Box<dyn Fn(&Message) -> Result<Attempt, Undecodable> + Send + Sync>;

/// One execution of the handler.
pub(crate) type Attempt = Pin<Box<dyn Future<Output = Result<(), Failed>> + Send>>;

/// How an attempt failed.
pub(crate) struct Failed {
    pub(crate) class: Classification,
    pub(crate) failure: LetterFailure,
    pub(crate) is_panic: bool,
    report: Box<dyn FnOnce(&'static str) + Send>,
}

impl Failed {
    fn of<E: Classify + Send + 'static>(error: E, is_panic: bool) -> Self {
        Self {
            class: error.classify(),
            failure: LetterFailure::of(&error),
            is_panic,
            report: Box::new(move |operation| {
                Report::new(&error).operation(operation).emit();
            }),
        }
    }

    /// Writes the log record, and drops the error.
    pub(crate) fn report(self, operation: &'static str) -> (Classification, LetterFailure) {
        (self.report)(operation);
        (self.class, self.failure)
    }
}

pub(crate) fn erase<T, F, E, H>(handler: H) -> Handler
where
    T: FromMessage,
    H: Fn(T) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Classify + Send + 'static,
{
    Box::new(move |message| {
        let decoded = match caught(|| T::from_message(message)) {
            Ok(decoded) => decoded?,
            Err(panicked) => return Err(Undecodable::new(panicked)),
        };
        let work = match caught(|| handler(decoded)) {
            Ok(work) => work,
            Err(panicked) => return Ok(Box::pin(async { Err(Failed::of(panicked, true)) })),
        };
        Ok(Box::pin(async move {
            match catch(work).await {
                Ok(outcome) => outcome.map_err(|error| Failed::of(error, false)),
                Err(panicked) => Err(Failed::of(panicked, true)),
            }
        }))
    })
}

/// Runs a future, and turns a panic into an error.
async fn catch<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = Box::pin(future);
    let polled = std::future::poll_fn(|cx| match caught(|| future.as_mut().poll(cx)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(panicked) => Poll::Ready(Err(panicked)),
    })
    .await;
    if polled.is_err() {
        // The destructors of a handler that has panicked may panic too.
        let _ = caught(|| drop(future));
    }
    polled
}

/// Unwind safe: what the function left inconsistent is dropped without being used again.
fn caught<T>(function: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(function)).map_err(|payload| Panicked::of(&*payload))
}

/// The handler panicked.
#[derive(Debug)]
struct Panicked(String);

impl Panicked {
    fn of(payload: &(dyn Any + Send)) -> Self {
        let text = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
            (Some(text), _) => (*text).to_owned(),
            (None, Some(text)) => text.clone(),
            (None, None) => "non-string panic payload".to_owned(),
        };
        Self(text)
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked: {}", self.0)
    }
}

impl std::error::Error for Panicked {}

impl Classify for Panicked {
    fn classify(&self) -> Classification {
        Classification::permanent("PANIC")
    }
}
