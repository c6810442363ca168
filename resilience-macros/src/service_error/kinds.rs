//! The classes of a variant: the four categories, and the kinds, which give a category, a code and
//! a status in one word.

use self::Category::{Fatal, Partial, Permanent, Transient};
use self::Retry::{CallOrTransaction, Never, Transaction, TransactionOnce};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Category {
    Transient,
    Permanent,
    Partial,
    Fatal,
}

impl Category {
    pub(crate) const WORDS: [&'static str; 4] = ["transient", "permanent", "partial", "fatal"];

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Transient, Permanent, Partial, Fatal].into_iter().find(|category| category.word() == word)
    }

    /// The word in the attribute, which is also the name of `Classification`'s constructor.
    pub(crate) fn word(self) -> &'static str {
        Self::WORDS[self as usize]
    }
}

/// The class that a variant's word gives it.
#[derive(Clone, Copy)]
pub(crate) enum Class {
    Category(Category),
    Kind(&'static Kind),
    Transparent,
}

/// Restrictions of a transient error on retries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    TransactionOnce,
    /// A bounded number of times.
    Transaction,
    /// The same inside a transaction, and otherwise no restriction.
    CallOrTransaction,
    Never,
}

/// A word that gives category, code and status.
pub(crate) struct Kind {
    pub(crate) word: &'static str,
    pub(crate) category: Category,
    pub(crate) code: &'static str,
    /// The default status of the code in the runtime. Generated only if the variant has another
    /// code.
    pub(crate) status: u16,
    pub(crate) never_sent: bool,
    pub(crate) retry: Option<Retry>,
}

const fn kind(word: &'static str, category: Category, code: &'static str, status: u16) -> Kind {
    Kind { word, category, code, status, never_sent: false, retry: None }
}

pub(crate) static KINDS: [Kind; 23] = [
    kind("validation", Permanent, "VALIDATION_ERROR", 422),
    kind("not_found", Permanent, "NOT_FOUND", 404),
    kind("conflict", Permanent, "CONFLICT", 409),
    kind("unauthenticated", Permanent, "AUTH_FAILED", 401),
    kind("forbidden", Permanent, "FORBIDDEN", 403),
    kind("upstream_client", Permanent, "UPSTREAM_CLIENT_ERROR", 500),
    kind("internal", Permanent, "INTERNAL_ERROR", 500),
    kind("rate_limited", Transient, "RATE_LIMITED", 429),
    kind("unavailable", Transient, "SERVICE_UNAVAILABLE", 503),
    kind("timeout", Transient, "NETWORK_TIMEOUT", 504),
    Kind { never_sent: true, ..kind("connect", Transient, "CONNECT_FAILED", 503) },
    Kind { retry: Some(Never), ..kind("query_timeout", Transient, "QUERY_TIMEOUT", 504) },
    Kind { retry: Some(TransactionOnce), ..kind("deadlock", Transient, "DEADLOCK", 503) },
    Kind {
        retry: Some(Transaction),
        ..kind("serialization", Transient, "SERIALIZATION_FAILURE", 503)
    },
    Kind { retry: Some(CallOrTransaction), ..kind("lock_timeout", Transient, "LOCK_TIMEOUT", 503) },
    Kind { never_sent: true, ..kind("pool_exhausted", Transient, "POOL_EXHAUSTED", 503) },
    kind("connection_lost", Transient, "CONNECTION_LOST", 503),
    kind("cache_miss", Partial, "CACHE_MISS", 500),
    kind("non_critical", Partial, "NON_CRITICAL_FAILURE", 500),
    kind("missing_config", Fatal, "MISSING_CONFIG", 500),
    kind("corrupt_state", Fatal, "CORRUPT_STATE", 500),
    kind("storage_full", Fatal, "STORAGE_FULL", 500),
    kind("out_of_memory", Fatal, "OUT_OF_MEMORY", 500),
];

pub(crate) fn find(word: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.word == word)
}

/// Whether an error of this category and code has a default status below 500.
pub(crate) fn is_client_error(category: Category, code: &str) -> bool {
    category != Fatal && KINDS.iter().any(|kind| kind.code == code && kind.status < 500)
}

/// The kind or category that a variant's name suggests, for a message to copy from.
pub(crate) fn guess(snake_name: &str) -> &'static str {
    const HINTS: &[(&str, &str)] = &[
        ("not_found", "not_found"),
        ("unknown", "not_found"),
        ("invalid", "validation"),
        ("validation", "validation"),
        ("conflict", "conflict"),
        ("already", "conflict"),
        ("duplicate", "conflict"),
        ("unauth", "unauthenticated"),
        ("forbidden", "forbidden"),
        ("rate_limit", "rate_limited"),
        ("deadlock", "deadlock"),
        ("serializ", "serialization"),
        ("too_many", "rate_limited"),
        ("unavailable", "unavailable"),
        ("timeout", "timeout"),
        ("timed_out", "timeout"),
        ("connect", "connect"),
        ("cache", "cache_miss"),
        ("config", "missing_config"),
        ("corrupt", "corrupt_state"),
    ];
    HINTS.iter().find(|(part, _)| snake_name.contains(part)).map_or("permanent", |(_, word)| word)
}
