//! One attempt to connect, shared by all who ask within a second.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use ::sqlx::{ConnectOptions, Connection, Error};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout};

/// How long an attempt may take, and how long its answer stands.
const LIMIT: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// The server takes connections.
    Connected,
    Failed(Arc<Error>),
    /// None within the limit.
    Nothing,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connected => "the server takes connections",
            Self::Failed(_) => "the server takes none",
            Self::Nothing => "the server doesn't answer",
        })
    }
}

/// The answer of an attempt that began less than a second ago, or of a new one. Takes no longer
/// than a second.
pub(super) async fn ask<C: Connection>(options: Arc<C::Options>) -> Answer {
    let attempt = attempt_for(&options);
    timeout(LIMIT, attempt.get_or_init(|| connect::<C>(options)))
        .await
        .map_or(Answer::Nothing, Clone::clone)
}

async fn connect<C: Connection>(options: Arc<C::Options>) -> Answer {
    let attempt = async {
        let connection = options.connect().await?;
        // Without a farewell the server would log a client that has gone.
        connection.close().await
    };
    match timeout(LIMIT, attempt).await {
        Ok(Ok(())) => Answer::Connected,
        Ok(Err(error)) => Answer::Failed(Arc::new(error)),
        Err(_) => Answer::Nothing,
    }
}

/// A pool is known by its options, which it holds as long as it is there.
struct Attempt {
    options: Weak<dyn Any + Send + Sync>,
    began: Instant,
    answer: Arc<OnceCell<Answer>>,
}

static ATTEMPTS: Mutex<Vec<Attempt>> = Mutex::new(Vec::new());

fn attempt_for<O: ConnectOptions>(options: &Arc<O>) -> Arc<OnceCell<Answer>> {
    let now = Instant::now();
    let mut attempts = ATTEMPTS.lock().unwrap_or_else(PoisonError::into_inner);
    // So there are no more than pools that were asked about within a second.
    attempts.retain(|attempt| now.saturating_duration_since(attempt.began) < LIMIT);
    let options: Weak<O> = Arc::downgrade(options);
    let options: Weak<dyn Any + Send + Sync> = options;
    if let Some(attempt) = attempts
        .iter()
        .find(|attempt| std::ptr::addr_eq(attempt.options.as_ptr(), options.as_ptr()))
    {
        return Arc::clone(&attempt.answer);
    }
    let answer = Arc::default();
    attempts.push(Attempt { options, began: now, answer: Arc::clone(&answer) });
    answer
}
