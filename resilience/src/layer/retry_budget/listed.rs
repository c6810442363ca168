//! The budgets of this program that can be looked up, as long as they are alive.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::bucket::{self, Bucket, Rules};
#[cfg(feature = "testing")]
use crate::support::isolation::{self, Identity, Isolate};

/// A retry budget found through [`registry`](crate::registry()).
///
/// ```
/// use resilience::{RetryBudget, Rejected, registry, retry};
///
/// static PAYMENTS: RetryBudget = RetryBudget::new().capacity(50).name("payments");
///
/// #[retry(idempotent, budget = PAYMENTS, external_timeout)]
/// async fn charge() -> Result<u32, Rejected> {
///     Ok(7)
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// charge().await.unwrap();
/// let found = registry().retry_budgets().find(|budget| budget.name() == "payments").unwrap();
/// assert_eq!((found.tokens(), found.capacity(), found.refused()), (50.0, 50, 0));
/// assert_eq!(found.function(), "charge");
/// # }
/// ```
///
/// What it shows is up to date, wherever the budget has moved. Of a budget that has been dropped, it
/// shows what was last known.
#[derive(Debug, Clone)]
pub struct RetryBudgetRef(Arc<Listing>);

impl RetryBudgetRef {
    /// The budget's [name](super::RetryBudget::name), else the service label of the first function
    /// that has used it.
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// The first function that has used it.
    pub fn function(&self) -> &'static str {
        self.0.function
    }

    /// The current number of tokens, like [`RetryBudget::tokens`](super::RetryBudget::tokens).
    pub fn tokens(&self) -> f64 {
        f64::from(self.0.bucket.tokens(&self.0.rules, bucket::now)) / 1000.0
    }

    /// The maximum number of tokens.
    pub fn capacity(&self) -> u32 {
        self.0.rules.capacity / 1000
    }

    /// How many retries it has refused since it was listed.
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Relaxed)
    }
}

/// What can be seen of a budget from outside. The budget itself may move, so it isn't referred to.
#[derive(Debug)]
pub(super) struct Listing {
    name: &'static str,
    function: &'static str,
    rules: Rules,
    /// A copy of the budget's bucket.
    pub(super) bucket: Bucket<AtomicU64>,
    refused: AtomicU64,
}

impl Listing {
    pub(super) fn new(
        name: Option<&'static str>,
        (service, function): (&'static str, &'static str),
        rules: Rules,
    ) -> Self {
        Self {
            name: name.unwrap_or(service),
            function,
            rules,
            bucket: Bucket { word: AtomicU64::new(Bucket::<AtomicU64>::full(rules.capacity)) },
            refused: AtomicU64::new(0),
        }
    }

    pub(super) fn count_refusal(&self) {
        self.refused.fetch_add(1, Relaxed);
    }
}

/// The list of the process.
struct List {
    budgets: Mutex<Vec<Weak<Listing>>>,
    #[cfg(feature = "testing")]
    identity: Identity,
}

impl List {
    const fn new() -> Self {
        Self {
            budgets: Mutex::new(Vec::new()),
            #[cfg(feature = "testing")]
            identity: Identity::new(),
        }
    }
}

#[cfg(feature = "testing")]
impl Isolate for List {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn fresh(&self) -> Self {
        Self::new()
    }
}

fn lock() -> MutexGuard<'static, Vec<Weak<Listing>>> {
    static LIST: List = List::new();
    #[cfg(feature = "testing")]
    let list = isolation::current(&LIST);
    #[cfg(not(feature = "testing"))]
    let list = &LIST;
    list.budgets.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn add(listing: &Arc<Listing>) {
    let mut listed = lock();
    // Only before the list would grow, so that many short-lived budgets cost little each.
    if listed.len() == listed.capacity() {
        listed.retain(|budget| budget.strong_count() > 0);
    }
    listed.push(Arc::downgrade(listing));
}

pub(in crate::layer) fn all() -> std::vec::IntoIter<RetryBudgetRef> {
    let budgets: Vec<_> = lock().iter().filter_map(Weak::upgrade).map(RetryBudgetRef).collect();
    budgets.into_iter()
}
