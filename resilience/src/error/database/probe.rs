//! A connection attempt whose result is shared by all callers within a second.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use ::sqlx::{ConnectOptions, Connection, Error};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout};

/// Time limit of an attempt, and how long its result is reused.
const LIMIT: Duration = Duration::from_secs(1);

/// The result of an attempt.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Connected,
    Failed(Arc<Error>),
    /// No answer within the limit.
    TimedOut,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connected => "the server accepts connections",
            Self::Failed(_) => "the server accepts none",
            Self::TimedOut => "the server doesn't answer",
        })
    }
}

/// Returns the outcome of the attempt that began within the last second, or of a new one. Takes at
/// most a second.
pub(super) async fn probe<C: Connection>(options: Arc<C::Options>) -> Outcome {
    let outcome = outcome_cell(&options);
    timeout(LIMIT, outcome.get_or_init(|| connect::<C>(options)))
        .await
        .map_or(Outcome::TimedOut, Clone::clone)
}

async fn connect<C: Connection>(options: Arc<C::Options>) -> Outcome {
    let attempt = async {
        let connection = options.connect().await?;
        // Without this, the server would log an aborted connection.
        connection.close().await
    };
    match timeout(LIMIT, attempt).await {
        Ok(Ok(())) => Outcome::Connected,
        Ok(Err(error)) => Outcome::Failed(Arc::new(error)),
        Err(_) => Outcome::TimedOut,
    }
}

/// A pool is identified by its options, which it owns for as long as it exists.
struct Attempt {
    options: Weak<dyn Any + Send + Sync>,
    began: Instant,
    outcome: Arc<OnceCell<Outcome>>,
}

static ATTEMPTS: Mutex<Vec<Attempt>> = Mutex::new(Vec::new());

fn outcome_cell<O: ConnectOptions>(options: &Arc<O>) -> Arc<OnceCell<Outcome>> {
    let now = Instant::now();
    let mut attempts = ATTEMPTS.lock().unwrap_or_else(PoisonError::into_inner);
    // Keeps the list as short as the number of pools probed within the last second.
    attempts.retain(|attempt| now.saturating_duration_since(attempt.began) < LIMIT);
    let options: Weak<O> = Arc::downgrade(options);
    let options: Weak<dyn Any + Send + Sync> = options;
    if let Some(attempt) = attempts
        .iter()
        .find(|attempt| std::ptr::addr_eq(attempt.options.as_ptr(), options.as_ptr()))
    {
        return Arc::clone(&attempt.outcome);
    }
    let outcome = Arc::default();
    attempts.push(Attempt { options, began: now, outcome: Arc::clone(&outcome) });
    outcome
}
