//! What has been reported for a request, so that one failure is one record however many boundaries
//! it passes.

use std::error::Error;
use std::fmt::{self, Display, Write as _};
use std::hash::{DefaultHasher, Hasher as _};

use crate::support::catch_panic::catch_panic;
use crate::taxonomy::Evidence;

/// How many links of a chain are looked at: nothing promises that a chain has an end.
pub(crate) const LINKS: usize = 32;
/// How many failures a request remembers.
const FAILURES: usize = 16;
/// How many bytes of a text are looked at: nothing promises that it has an end.
const LOOKED_AT: usize = 16 * 1024;
/// How many texts and how many places of one failure are remembered.
const EACH: usize = 8;

/// The file and line of a boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: &'static str,
    pub(crate) line: u32,
}

/// By what a failure is known again: the text of what is reported, and the texts of what caused it.
#[derive(Debug)]
pub(crate) struct Fingerprint {
    own: Option<u64>,
    causes: Vec<u64>,
}

impl Fingerprint {
    pub(crate) fn of(error: &dyn Display, evidence: &Evidence<'_>) -> Self {
        Self {
            own: hash(error),
            causes: evidence
                .chain()
                .take(LINKS)
                .filter_map(|link: &(dyn Error + 'static)| hash(&link))
                .collect(),
        }
    }
}

/// The failures that were reported for a request, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Seen(Vec<Failure>);

#[derive(Debug)]
struct Failure {
    /// What it was called: where it was first reported, and by the boundaries that saw it later.
    texts: Vec<u64>,
    /// Where it was logged, and how often.
    logged: (Place, u32),
    /// Where else it was seen, and how often.
    passed: Vec<(Place, u32)>,
}

impl Seen {
    /// Whether this is news. What is, is remembered.
    ///
    /// What was logged at one place comes by each other place once, on its way out. So it is news
    /// at the place where it was logged, where it has happened again, and at a place where it
    /// has come by as often as it was logged.
    pub(crate) fn is_first_occurrence(&mut self, print: &Fingerprint, place: Place) -> bool {
        let known = self.0.iter_mut().rfind(|failure| failure.has(print));
        if let Some(failure) = known {
            if failure.logged.0 == place {
                failure.logged.1 = failure.logged.1.saturating_add(1);
                return true;
            }
            if !failure.exhausted(place) {
                failure.learn(print);
                return false;
            }
        }
        if let Some(own) = print.own {
            self.0.retain(|failure| !failure.has(print));
            if self.0.len() == FAILURES {
                self.0.remove(0);
            }
            self.0.push(Failure { texts: vec![own], logged: (place, 1), passed: Vec::new() });
        }
        true
    }

    /// Whether it is one of them.
    pub(crate) fn knows(&self, print: &Fingerprint) -> bool {
        self.0.iter().any(|failure| failure.has(print))
    }
}

impl Failure {
    fn has(&self, print: &Fingerprint) -> bool {
        print.own.iter().chain(&print.causes).any(|text| self.texts.contains(text))
    }

    /// Whether everything that was logged has come by this place already. Counts it, if not.
    fn exhausted(&mut self, place: Place) -> bool {
        let logged = self.logged.1;
        if let Some((_, times)) = self.passed.iter_mut().find(|(seen, _)| *seen == place) {
            let exhausted = *times >= logged;
            *times = times.saturating_add(1);
            return exhausted;
        }
        if self.passed.len() < EACH {
            self.passed.push((place, 1));
        }
        false
    }

    /// The next boundary may see it by the name that it has here, and no longer know what caused
    /// it.
    fn learn(&mut self, print: &Fingerprint) {
        if let Some(own) =
            print.own.filter(|own| self.texts.len() < EACH && !self.texts.contains(own))
        {
            self.texts.push(own);
        }
    }
}

/// None of a text that is empty, or that can't be told.
fn hash(text: &dyn Display) -> Option<u64> {
    struct Hash {
        hasher: DefaultHasher,
        left: usize,
    }

    impl fmt::Write for Hash {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            let part = &part.as_bytes()[..part.len().min(self.left)];
            self.left -= part.len();
            self.hasher.write(part);
            if self.left == 0 { Err(fmt::Error) } else { Ok(()) }
        }
    }

    catch_panic(|| {
        let mut hash = Hash { hasher: DefaultHasher::new(), left: LOOKED_AT };
        let complete = write!(hash, "{text}").is_ok();
        let told = if complete { hash.left < LOOKED_AT } else { hash.left == 0 };
        told.then(|| hash.hasher.finish())
    })?
}
