use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

use crate::layer::events;
use crate::support::catch_panic::catch_panic;
#[cfg(feature = "testing")]
use crate::support::isolation::{self, Identity, Isolate};

/// A kill switch: turns an integration off while the program runs.
///
/// While the flag that [`#[degrade]`](macro@crate::degrade) names is off, the function's body isn't
/// run. The stale value or the fallback answers, and without these the error
/// [`Rejected::SwitchedOff`](crate::Rejected::SwitchedOff).
///
/// ```
/// # #[cfg(feature = "macros")] {
/// use resilience::{Flag, Rejected, degrade, flags};
///
/// static RECOMMENDATIONS: Flag = Flag::new("recommendations");
///
/// #[degrade(fallback = Vec::new(), flag = RECOMMENDATIONS)]
/// async fn recommendations(user: u64) -> Result<Vec<String>, Rejected> {
///     // … call the recommendation service …
/// #   let _ = user;
///     Ok(vec!["socks".to_owned()])
/// }
///
/// fn main() -> Result<(), resilience::degrade::UnknownFlag> {
///     flags().register(&RECOMMENDATIONS);
///     // later, in the handler of an operator's request:
///     flags().set("recommendations", false)?;
///     assert!(!RECOMMENDATIONS.is_on());
///     Ok(())
/// }
/// # main().unwrap();
/// # }
/// ```
///
/// The next call on any thread sees a change. Each change logs one `flag_changed` (WARN), and the
/// calls that are answered without the body log nothing. A call that has begun isn't interrupted.
///
/// What decides, in this order: what operators [`set`](Self::set); the program's own source
/// ([`follow`](Self::follow)); what was last handed to [`update`](Self::update), or else the state
/// that the flag is created with. Reading a flag costs one atomic load, and with a source also its
/// call.
pub struct Flag {
    name: &'static str,
    state: AtomicU8,
    source: OnceLock<Source>,
    #[cfg(feature = "testing")]
    created_with: u8,
    #[cfg(feature = "testing")]
    identity: Identity,
}

type Source = Box<dyn Fn() -> bool + Send + Sync>;

/// The flag is on, as far as is known: a source may have changed its mind.
const ON: u8 = 1;
/// The flag would be on if operators hadn't set it.
const ON_BY_ITSELF: u8 = 1 << 1;
/// Operators have set it.
const SET: u8 = 1 << 2;
/// It has a source.
const FOLLOWS: u8 = 1 << 3;
const LISTED: u8 = 1 << 4;

impl Flag {
    /// Creates a flag that is on.
    pub const fn new(name: &'static str) -> Self {
        Self::with_state(name, ON | ON_BY_ITSELF)
    }

    /// Creates a flag that is off, for what operators turn on later.
    pub const fn off(name: &'static str) -> Self {
        Self::with_state(name, 0)
    }

    const fn with_state(name: &'static str, state: u8) -> Self {
        Self {
            name,
            state: AtomicU8::new(state),
            source: OnceLock::new(),
            #[cfg(feature = "testing")]
            created_with: state,
            #[cfg(feature = "testing")]
            identity: Identity::new(),
        }
    }

    /// The name by which [`flags`](super::flags()) finds it.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether calls are made.
    #[inline]
    pub fn is_on(&self) -> bool {
        let this = self.current();
        let state = this.state.load(Acquire);
        if state & (FOLLOWS | SET) == FOLLOWS {
            return this.ask();
        }
        state & ON != 0
    }

    #[inline]
    pub(crate) fn is_listed(&self) -> bool {
        self.state.load(Acquire) & LISTED != 0
    }

    /// Turns the flag on or off, even if its source disagrees, until [`reset`](Self::reset).
    pub fn set(&self, on: bool) {
        self.change("set", |state| with(state | SET, ON, on));
    }

    /// Takes back what was [`set`](Self::set).
    pub fn reset(&self) {
        self.change("reset", |state| with(state & !SET, ON, state & ON_BY_ITSELF != 0));
        // What its source says now.
        self.is_on();
    }

    /// Hands over what the program's configuration says. Without effect while the flag is
    /// [`set`](Self::set), and then effective after [`reset`](Self::reset).
    ///
    /// For a configuration that is pushed to the program, or asked for from time to time. To ask it
    /// at every call, use [`follow`](Self::follow).
    pub fn update(&self, on: bool) {
        self.change("update", |state| {
            let state = with(state, ON_BY_ITSELF, on);
            if state & SET == 0 { with(state, ON, on) } else { state }
        });
    }

    /// Asks `source` at every call. Returns false, without effect, if the flag has a source.
    ///
    /// ```
    /// use resilience::Flag;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// static SEARCH: Flag = Flag::new("search");
    /// static CONFIGURED: AtomicBool = AtomicBool::new(true);
    ///
    /// SEARCH.follow(|| CONFIGURED.load(Ordering::Relaxed));
    /// CONFIGURED.store(false, Ordering::Relaxed);
    /// assert!(!SEARCH.is_on());
    /// ```
    ///
    /// The source runs before each annotated call, so it should read memory, and not a file or the
    /// network. If it panics, the flag stays as it was.
    pub fn follow(&self, source: impl Fn() -> bool + Send + Sync + 'static) -> bool {
        let this = self.current();
        let is_first = this.source.set(Box::new(source)).is_ok();
        if is_first {
            this.state.fetch_or(FOLLOWS, AcqRel);
            this.is_on();
        }
        is_first
    }

    fn ask(&self) -> bool {
        let answer = self.source.get().and_then(catch_panic);
        if let Some(on) = answer {
            let state = self.state.load(Acquire);
            // Nearly always, nothing has changed, and nothing is written.
            if (state & ON != 0) != on && state & SET == 0 {
                self.change("source", |state| {
                    if state & SET == 0 {
                        with(with(state, ON_BY_ITSELF, on), ON, on)
                    } else {
                        state
                    }
                });
            }
        }
        self.state.load(Acquire) & ON != 0
    }

    /// Changes the state. Logs if the flag is on or off by it now, as it wasn't before.
    fn change(&self, by: &'static str, change: impl Fn(u8) -> u8) {
        let (Ok(before) | Err(before)) =
            self.current().state.fetch_update(AcqRel, Acquire, |state| Some(change(state)));
        let on = change(before) & ON != 0;
        if (before & ON != 0) != on {
            events::flag_changed(self.name, on, by);
        }
    }

    /// The flag that is read and changed here. Whether it is listed, it knows itself.
    #[cfg(feature = "testing")]
    #[inline]
    fn current(&self) -> &Self {
        isolation::current(self)
    }

    #[cfg(not(feature = "testing"))]
    #[inline]
    const fn current(&self) -> &Self {
        self
    }

    /// Whether the flag was not listed before.
    pub(super) fn mark_listed(&self) -> bool {
        self.state.fetch_or(LISTED, AcqRel) & LISTED == 0
    }
}

const fn with(state: u8, bit: u8, on: bool) -> u8 {
    if on { state | bit } else { state & !bit }
}

#[cfg(feature = "testing")]
impl Isolate for Flag {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    /// As it was created, without its source.
    fn fresh(&self) -> Self {
        Self::with_state(self.name, self.created_with)
    }
}

impl fmt::Debug for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.current().state.load(Acquire);
        f.debug_struct("Flag")
            .field("name", &self.name)
            .field("on", &(state & ON != 0))
            .field("set", &(state & SET != 0))
            .finish_non_exhaustive()
    }
}
