//! Deduplicates reports: a failure is logged once per request, even if it passes several
//! boundaries.

use std::error::Error;
use std::fmt::{self, Display, Write as _};
use std::hash::{DefaultHasher, Hasher as _};

use crate::support::catch_panic::catch_panic;
use crate::taxonomy::Evidence;

/// The maximum number of errors visited in a chain, which may be cyclic.
pub(crate) const MAX_LINKS: usize = 32;
/// The maximum number of failures remembered per request.
const MAX_FAILURES: usize = 16;
/// The maximum number of bytes hashed per text, which may be infinite.
const MAX_HASHED: usize = 16 * 1024;
/// The maximum number of texts, and of places, remembered per failure.
const MAX_PER_FAILURE: usize = 8;

/// The file and line of a boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: &'static str,
    pub(crate) line: u32,
}

/// Identifies a failure by its message and those of its causes.
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
                .take(MAX_LINKS)
                .filter_map(|link: &(dyn Error + 'static)| hash(&link))
                .collect(),
        }
    }
}

/// The failures reported for a request, oldest first.
#[derive(Debug, Default)]
pub(crate) struct ReportedFailures(Vec<Failure>);

#[derive(Debug)]
struct Failure {
    /// The hashes of its messages, from the first report and from later boundaries.
    texts: Vec<u64>,
    /// Where it was logged, and how often.
    logged: (Place, u32),
    /// Where else it was seen, and how often.
    sightings: Vec<(Place, u32)>,
}

impl ReportedFailures {
    /// Whether to log this failure. If so, it is remembered.
    ///
    /// On its way out, a failure passes each boundary once. So it is a new occurrence if it appears
    /// again at the place that logged it, or at another place more often than it was logged.
    pub(crate) fn is_first_occurrence(&mut self, fingerprint: &Fingerprint, place: Place) -> bool {
        let existing = self.0.iter_mut().rfind(|failure| failure.matches(fingerprint));
        if let Some(failure) = existing {
            if failure.logged.0 == place {
                failure.logged.1 = failure.logged.1.saturating_add(1);
                return true;
            }
            if !failure.has_seen_all(place) {
                failure.add_text(fingerprint);
                return false;
            }
        }
        if let Some(own) = fingerprint.own {
            self.0.retain(|failure| !failure.matches(fingerprint));
            if self.0.len() == MAX_FAILURES {
                self.0.remove(0);
            }
            self.0.push(Failure { texts: vec![own], logged: (place, 1), sightings: Vec::new() });
        }
        true
    }

    /// Whether the failure has been reported.
    pub(crate) fn contains(&self, fingerprint: &Fingerprint) -> bool {
        self.0.iter().any(|failure| failure.matches(fingerprint))
    }
}

impl Failure {
    fn matches(&self, fingerprint: &Fingerprint) -> bool {
        fingerprint.own.iter().chain(&fingerprint.causes).any(|text| self.texts.contains(text))
    }

    /// Counts a sighting at this place. Returns whether the place has already seen every logged
    /// occurrence.
    fn has_seen_all(&mut self, place: Place) -> bool {
        let logged = self.logged.1;
        if let Some((_, times)) = self.sightings.iter_mut().find(|(seen, _)| *seen == place) {
            let seen_all = *times >= logged;
            *times = times.saturating_add(1);
            return seen_all;
        }
        if self.sightings.len() < MAX_PER_FAILURE {
            self.sightings.push((place, 1));
        }
        false
    }

    /// Adds the message seen at this boundary. The next boundary may see only this message, without
    /// its causes.
    fn add_text(&mut self, fingerprint: &Fingerprint) {
        if let Some(own) = fingerprint
            .own
            .filter(|own| self.texts.len() < MAX_PER_FAILURE && !self.texts.contains(own))
        {
            self.texts.push(own);
        }
    }
}

/// Hashes a text. Returns `None` if it is empty or its `Display` fails or panics.
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
        let mut hash = Hash { hasher: DefaultHasher::new(), left: MAX_HASHED };
        let complete = write!(hash, "{text}").is_ok();
        let is_usable = if complete { hash.left < MAX_HASHED } else { hash.left == 0 };
        is_usable.then(|| hash.hasher.finish())
    })?
}
