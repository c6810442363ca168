//! Chains of causes that are long, deeply nested, or circular.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use resilience::{Classification, Classify, Rejected, ServiceError, errors, taxonomy::Evidence};

type BoxError = Box<dyn Error + Send + Sync>;

#[derive(Debug, thiserror::Error, ServiceError)]
enum Known {
    #[error("known")]
    #[service(conflict, code = "KNOWN", public = "Known")]
    Known,
    #[error(transparent)]
    #[service(transparent)]
    Io(#[from] io::Error),
}

#[derive(Debug, thiserror::Error)]
#[error("opaque")]
struct Opaque(#[source] BoxError);

/// Its own source.
#[derive(Debug)]
struct Circle;

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("circle")
    }
}

impl Error for Circle {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self)
    }
}

/// Its source is set later, and may contain this error.
#[derive(Debug)]
struct Late(&'static OnceLock<BoxError>);

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("late")
    }
}

impl Error for Late {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.get().map(|error| &**error as _)
    }
}

/// A circle through errors that search in turn.
fn circle_of(wrap: impl FnOnce(Late) -> BoxError) -> &'static BoxError {
    let slot: &'static OnceLock<BoxError> = Box::leak(Box::default());
    slot.get_or_init(|| wrap(Late(slot)))
}

/// Everything that a layer or a boundary asks.
fn ask(error: &(impl Classify + ?Sized)) -> (Classification, String) {
    let _ = (error.field_errors().len(), error.evidence().chain().count());
    (error.classify(), error.public_message().into_owned())
}

/// Dropping a chain of many errors needs a stack frame for each.
fn on_a_large_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(work).unwrap();
    thread.join().unwrap();
}

fn within<T>(limit: Duration, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let done = work();
    assert!(started.elapsed() < limit, "took {:?}", started.elapsed());
    done
}

/// Generous, since other tests run at the same time. What isn't linear takes minutes, or for ever.
const SOON: Duration = Duration::from_secs(3);

#[test]
fn circle_is_unclassified_in_every_container() {
    within(SOON, || {
        assert_eq!(ask(&io::Error::other(Circle)).0, Classification::unclassified());
        assert_eq!(ask(&BoxError::from(Circle)).0, Classification::unclassified());
        assert_eq!(ask(&(Box::new(Circle) as Box<dyn Error>)).0, Classification::unclassified());
        assert_eq!(ask(&(Box::new(Circle) as Box<dyn Error + Send>)).0.category(), None);
        assert_eq!(ask(&anyhow::Error::new(Circle).context("a")).0.category(), None);
        assert_eq!(ask(&Known::from(io::Error::other(Circle))).0.category(), None);
    });
}

#[test]
fn circle_keeps_the_classification_outside_of_it() {
    let timed_out = io::Error::new(io::ErrorKind::TimedOut, Circle);
    assert_eq!(within(SOON, || ask(&timed_out)).0.code(), "NETWORK_TIMEOUT");
    let context = anyhow::Error::new(Circle).context(errors::NotFound::new("user", "42"));
    assert_eq!(within(SOON, || ask(&context)).0.code(), "NOT_FOUND");
}

#[test]
fn circle_of_errors_that_search_in_turn_ends() {
    for kind in [io::ErrorKind::Other, io::ErrorKind::TimedOut] {
        for error in [
            circle_of(|late| io::Error::new(kind, late).into()),
            circle_of(|late| Opaque(io::Error::new(kind, late).into()).into()),
            circle_of(|late| Known::from(io::Error::new(kind, late)).into()),
            circle_of(|late| anyhow::Error::new(io::Error::new(kind, late)).context("a").into()),
            circle_of(|late| Arc::new(io::Error::new(kind, io::Error::new(kind, late))).into()),
        ] {
            within(SOON, || ask(error));
        }
    }
}

#[test]
fn evidence_of_a_circle_ends() {
    assert_eq!(Evidence::of(&Circle).chain().count(), 1024);
}

#[test]
fn anyhow_with_many_contexts_takes_linear_time() {
    on_a_large_stack(|| {
        let of = |contexts: u32| {
            let root = anyhow::Error::new(Known::Known);
            (0..contexts).fold(root, anyhow::Error::context)
        };
        assert_eq!(ask(&of(1000)), ask(&Known::Known));
        let (many, unknown) =
            (of(10_000), (0..10_000).fold(anyhow::anyhow!("x"), anyhow::Error::context));
        within(SOON, || {
            let _ = (ask(&many), ask(&unknown));
        });
    });
}

#[test]
fn box_given_to_anyhow_is_searched() {
    let boxed = || anyhow::Error::from_boxed(io::Error::other(Known::Known).into());
    assert_eq!(ask(&boxed()), ask(&Known::Known));
    assert_eq!(ask(&boxed().context("reading")), ask(&Known::Known));
    let inner = io::Error::from(io::ErrorKind::ConnectionRefused);
    let outer = errors::NotFound::new("user", "42").with_source(inner);
    assert_eq!(ask(&anyhow::Error::from_boxed(outer.into())).0.code(), "NOT_FOUND");
}

#[test]
fn io_errors_inside_each_other_take_linear_time() {
    on_a_large_stack(|| {
        let nested =
            |root: io::Error, depth| (0..depth).fold(root, |error, _| io::Error::other(error));
        let known = || io::Error::other(Known::Known);
        assert_eq!(ask(&nested(known(), 40)), ask(&Known::Known));
        within(SOON, || {
            for root in [known(), io::Error::other("x"), io::ErrorKind::TimedOut.into()] {
                let _ = ask(&nested(root, 10_000));
            }
        });
    });
}

#[derive(Debug, Clone, Copy)]
enum Root {
    Text,
    Known,
    Rejected,
    Refused,
    Circle,
}

#[derive(Debug, Clone, Copy)]
enum Wrapper {
    Opaque,
    Io,
    Anyhow,
    Shared,
    Transparent,
    /// Classifies itself, and hides its source's classification.
    Full,
}

fn root(root: Root) -> BoxError {
    match root {
        Root::Text => "text".into(),
        Root::Known => Known::Known.into(),
        Root::Rejected => Rejected::circuit_open("stock", None).into(),
        Root::Refused => io::Error::from(io::ErrorKind::ConnectionRefused).into(),
        Root::Circle => Circle.into(),
    }
}

fn code_of(root: Root) -> &'static str {
    match root {
        Root::Text | Root::Circle => "INTERNAL_ERROR",
        Root::Known => "KNOWN",
        Root::Rejected => "CIRCUIT_OPEN",
        Root::Refused => "CONNECT_FAILED",
    }
}

fn wrap(error: BoxError, wrapper: Wrapper) -> BoxError {
    match wrapper {
        Wrapper::Opaque => Opaque(error).into(),
        Wrapper::Io => io::Error::other(error).into(),
        Wrapper::Anyhow => anyhow::Error::new(Opaque(error)).context("reading").into(),
        Wrapper::Shared => Opaque(Arc::<dyn Error + Send + Sync>::from(error).into()).into(),
        Wrapper::Transparent => Known::from(io::Error::other(error)).into(),
        Wrapper::Full => {
            io::Error::new(io::ErrorKind::StorageFull, errors::Conflict::new("x")).into()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn outermost_known_error_classifies_any_chain(
        inner in prop_oneof![
            Just(Root::Text), Just(Root::Known), Just(Root::Rejected), Just(Root::Refused),
            Just(Root::Circle),
        ],
        wrappers in prop::collection::vec(
            prop_oneof![
                4 => Just(Wrapper::Opaque), 4 => Just(Wrapper::Io), 4 => Just(Wrapper::Anyhow),
                4 => Just(Wrapper::Shared), 4 => Just(Wrapper::Transparent),
                1 => Just(Wrapper::Full),
            ],
            0..30,
        ),
    ) {
        let is_full = |wrapper: &Wrapper| matches!(wrapper, Wrapper::Full);
        let expected = if wrappers.iter().any(is_full) { "CONFLICT" } else { code_of(inner) };
        let error = wrappers.into_iter().fold(root(inner), wrap);
        let (class, message) = within(SOON, || ask(&error));
        prop_assert_eq!(class.code(), expected);
        if expected == "KNOWN" {
            prop_assert_eq!(message, "Known");
        }
    }
}

/// Its `source` panics.
#[derive(Debug)]
struct Unsound;

impl fmt::Display for Unsound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unsound")
    }
}

impl Error for Unsound {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        panic!("no source");
    }
}

#[test]
fn chain_ends_where_a_source_panics() {
    let boxed: BoxError = Unsound.into();
    assert_eq!(boxed.classify(), Classification::unclassified());
    assert_eq!(io::Error::other(Unsound).classify(), Classification::unclassified());
    let wrapped: BoxError = Opaque(Box::new(Unsound)).into();
    assert_eq!(wrapped.classify(), Classification::unclassified());
    assert_eq!(anyhow::Error::new(Unsound).context("calling").classify(), wrapped.classify());
}
