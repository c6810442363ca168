use std::error::Error;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Flag;
use crate::{Classification, Classify};

/// The program's flags, to be listed and set by name at run time.
///
/// ```
/// use resilience::{Flag, flags};
///
/// static PARTNERS: Flag = Flag::new("partners");
/// flags().register(&PARTNERS); // in `main`
///
/// flags().set("partners", false)?;
/// for flag in flags().iter() {
///     println!("{}: {}", flag.name(), if flag.is_on() { "on" } else { "off" });
/// }
/// assert!(flags().set("partner", false).is_err(), "a name that no flag has");
/// # Ok::<(), resilience::degrade::UnknownFlag>(())
/// ```
///
/// A flag is known from the first call of a function that names it. Register it when the program
/// starts, so that it can be set before.
pub fn flags() -> Flags {
    Flags { _later: () }
}

/// The list of flags. See [`flags`].
#[derive(Debug, Clone, Copy)]
pub struct Flags {
    _later: (),
}

impl Flags {
    /// Adds a flag, if it isn't known yet.
    pub fn register(self, flag: &'static Flag) {
        let mut listed = lock();
        if flag.mark_listed() {
            listed.push(flag);
        }
    }

    /// The known flags, in the order in which they were added.
    pub fn iter(self) -> impl Iterator<Item = &'static Flag> {
        lock().clone().into_iter()
    }

    /// The first flag with this name. Names don't have to be unique.
    pub fn get(self, name: &str) -> Option<&'static Flag> {
        self.iter().find(|flag| flag.name() == name)
    }

    /// Whether the flag is on. An unknown one is off.
    pub fn is_on(self, name: &str) -> bool {
        self.get(name).is_some_and(Flag::is_on)
    }

    /// [Sets](Flag::set) all flags with this name.
    ///
    /// # Errors
    /// [`UnknownFlag`] if there is none.
    pub fn set(self, name: &str, on: bool) -> Result<(), UnknownFlag> {
        self.each(name, |flag| flag.set(on))
    }

    /// [Resets](Flag::reset) all flags with this name.
    ///
    /// # Errors
    /// [`UnknownFlag`] if there is none.
    pub fn reset(self, name: &str) -> Result<(), UnknownFlag> {
        self.each(name, Flag::reset)
    }

    fn each(self, name: &str, change: impl Fn(&Flag)) -> Result<(), UnknownFlag> {
        let mut named = self.iter().filter(|flag| flag.name() == name).peekable();
        if named.peek().is_none() {
            return Err(UnknownFlag { name: name.to_owned() });
        }
        named.for_each(change);
        Ok(())
    }
}

/// No flag has this name. Permanent, `UNKNOWN_FLAG`, 404.
///
/// Either the name is wrong, or the flag is neither [registered](Flags::register) nor used yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownFlag {
    name: String,
}

impl UnknownFlag {
    /// The name that was asked for.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for UnknownFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no flag `{}`", self.name)
    }
}

impl Error for UnknownFlag {}

impl Classify for UnknownFlag {
    fn classify(&self) -> Classification {
        Classification::permanent("UNKNOWN_FLAG").with_status(404)
    }
}

static LISTED: Mutex<Vec<&'static Flag>> = Mutex::new(Vec::new());

fn lock() -> MutexGuard<'static, Vec<&'static Flag>> {
    LISTED.lock().unwrap_or_else(PoisonError::into_inner)
}
