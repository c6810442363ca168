//! Letters as they are in a store.

use std::time::SystemTime;

use resilience::dead_letter::{Letter, LetterId};

/// A letter in a store, and what was done to it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StoredLetter {
    /// Its id.
    pub id: LetterId,
    /// The message and its failure.
    pub letter: Letter,
    /// When it was stored, by the store's clock.
    pub created_at: SystemTime,
    /// When it was replayed.
    pub replayed_at: Option<SystemTime>,
    /// When it was discarded.
    pub discarded_at: Option<SystemTime>,
    /// How many replays of it have begun.
    pub replays: u32,
    /// Who replayed or discarded it.
    pub closed_by: Option<String>,
    /// Why it was discarded.
    pub closed_why: Option<String>,
}

impl StoredLetter {
    /// Its place among all letters: after the older ones.
    pub const fn place(&self) -> Place {
        Place { created_at: self.created_at, id: self.id }
    }

    /// Whether it is neither replayed nor discarded.
    pub const fn is_open(&self) -> bool {
        self.replayed_at.is_none() && self.discarded_at.is_none()
    }
}

/// The place of a letter among all letters, which are in the order in which they were stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub(crate) created_at: SystemTime,
    pub(crate) id: LetterId,
}

/// One entry of a letter's trail: what was done to it, when and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrailEntry {
    /// When, by the store's clock.
    pub at: SystemTime,
    /// What: `repeated`, `claimed`, `replayed`, `failed`, `released` or `discarded`.
    pub action: String,
    /// By whom.
    pub actor: Option<String>,
    /// The code of the failure, or the reason.
    pub note: Option<String>,
}
