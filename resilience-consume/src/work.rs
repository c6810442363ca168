//! What becomes of one message.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use resilience::dead_letter::{Letter, LetterFailure, Payload, Reason};
use resilience::{Category, Classification, Classify, RequestContext, RequestId};
use tracing::Instrument as _;

use crate::consumer::Settings;
use crate::control::{Control, Stage, Stopping, delay};
use crate::handler::{Attempt, Failed, Handler};
use crate::order::Turn;
use crate::{Delivery, Destination, Message, SourceError};

/// What a consumer has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Messages whose handler returned `Ok`.
    pub processed: u64,
    /// Attempts that failed and were followed by another one.
    pub retried: u64,
    /// Messages that became dead letters.
    pub dead_lettered: u64,
    /// Messages that were handed back, because the consumer stopped.
    pub handed_back: u64,
    /// How often the source was paused: by an open circuit, or because a letter couldn't be stored.
    pub pauses: u64,
}

pub(crate) struct Work<D> {
    pub(crate) queue: String,
    pub(crate) dead_letters: D,
    pub(crate) handler: Handler,
    pub(crate) control: Control,
    pub(crate) settings: Settings,
    pub(crate) is_ordered: bool,
    pub(crate) summary: Mutex<Summary>,
    pub(crate) fatal: OnceLock<Classification>,
    pub(crate) failures: Failures,
}

/// When the messages that are to be delivered again failed for the first time.
#[derive(Default)]
pub(crate) struct Failures(Mutex<HashMap<String, SystemTime>>);

impl Failures {
    /// Above this number, the first failure of a message is unknown after it was delivered again.
    const MOST: usize = 10_000;

    fn remember(&self, message: &Message, time: SystemTime) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = message.message_id() {
            if failures.len() < Self::MOST {
                failures.entry(id.to_owned()).or_insert(time);
            }
        }
    }

    fn forget(&self, message: &Message) -> Option<SystemTime> {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.remove(message.message_id()?)
    }
}

/// What to do with a message.
enum Verdict {
    Processed,
    DeadLetter { reason: Reason, failure: LetterFailure, attempts: u32 },
    Redeliver { after: Duration },
    HandBack,
}

/// What an attempt has led to.
enum Outcome {
    Final(Verdict),
    /// Try again after this time, without counting the attempt.
    Paused,
    /// Try again after this time.
    Retry(Duration),
}

impl<D> Work<D> {
    pub(crate) fn summary(&self) -> MutexGuard<'_, Summary> {
        self.summary.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn run<L>(&self, delivery: L, turn: Option<Turn>)
    where
        L: Delivery,
        D: Destination<L>,
    {
        let message = delivery.message();
        let request_id =
            message.request_id().and_then(RequestId::parse).unwrap_or_else(RequestId::new);
        let span = tracing::info_span!(
            target: "resilience",
            "message",
            queue = self.queue,
            request_id = request_id.as_str(),
            trace_parent = message.trace_parent(),
        );
        let context = RequestContext::with_request_id(request_id.clone());
        context.set_operation(self.settings.operation);
        let work = async {
            let mut turn = turn;
            let verdict = async {
                if let Some(turn) = &mut turn {
                    turn.begin().await;
                }
                self.decide(&delivery, &request_id).await
            };
            let verdict = keep(&delivery, verdict).await;
            self.settle(&delivery, verdict, &request_id).await;
        };
        context.scope(work.instrument(span)).await;
    }

    /// Tries the message until it is known what to do with it.
    async fn decide<L: Delivery>(&self, delivery: &L, request_id: &RequestId) -> Verdict {
        let message = delivery.message();
        let mut attempt = message.deliveries();
        if let Some(failure) = self.expired(message) {
            return Verdict::DeadLetter { reason: Reason::Expired, failure, attempts: attempt - 1 };
        }
        if attempt > self.settings.attempts {
            let attempts = attempt - 1;
            let text = format!("delivered {attempts} times without a result");
            let failure =
                LetterFailure::new("POISON_MESSAGE", Some(Category::Permanent), "poison", text);
            return Verdict::DeadLetter { reason: Reason::Poison, failure, attempts };
        }
        loop {
            if self.control.resumed().await.is_err() {
                return Verdict::HandBack;
            }
            let outcome = match (self.handler)(message) {
                Ok(run) => self.attempt(run, message, attempt, request_id).await,
                Err(undecodable) => {
                    let failure = LetterFailure::new(
                        "UNDECODABLE_MESSAGE",
                        Some(Category::Permanent),
                        "Undecodable",
                        bounded(&undecodable.to_string()),
                    );
                    let reason = Reason::Undecodable;
                    return Verdict::DeadLetter { reason, failure, attempts: attempt };
                }
            };
            match outcome {
                Outcome::Final(verdict) => return verdict,
                Outcome::Paused => {}
                Outcome::Retry(after) if self.is_ordered => {
                    if self.control.sleep(after).await.is_err() {
                        return Verdict::HandBack;
                    }
                    attempt += 1;
                }
                Outcome::Retry(after) => return Verdict::Redeliver { after },
            }
        }
    }

    fn expired(&self, message: &Message) -> Option<LetterFailure> {
        let (limit, time) = (self.settings.max_age?, message.timestamp()?);
        // A timestamp in the future is one of a clock that is ahead.
        let age = SystemTime::now().duration_since(time).ok()?;
        (age > limit).then(|| {
            let text = format!("{} s old, where {} s are allowed", age.as_secs(), limit.as_secs());
            LetterFailure::new("MESSAGE_EXPIRED", Some(Category::Permanent), "expired", text)
        })
    }

    async fn attempt(
        &self,
        run: Attempt,
        message: &Message,
        attempt: u32,
        request_id: &RequestId,
    ) -> Outcome {
        let outcome = tokio::select! {
            biased;
            outcome = run => outcome,
            () = self.control.reached(Stage::Aborting) => return Outcome::Final(Verdict::HandBack),
        };
        match outcome {
            Ok(()) => Outcome::Final(Verdict::Processed),
            Err(failed) => self.judge(failed, message, attempt, request_id),
        }
    }

    fn judge(
        &self,
        failed: Failed,
        message: &Message,
        attempt: u32,
        request_id: &RequestId,
    ) -> Outcome {
        let class = failed.class;
        let operation = self.settings.operation;
        let dead = |reason, failure| {
            Outcome::Final(Verdict::DeadLetter { reason, failure, attempts: attempt })
        };
        if class.rejected().is_some_and(|rejected| rejected.is_circuit_open()) {
            self.pause(class.code(), class.retry_after());
            return Outcome::Paused;
        }
        let may_try_again = failed.is_panic
            || matches!(class.category(), Some(Category::Transient | Category::Partial));
        match class.category() {
            Some(Category::Fatal) => {
                let _ = self.fatal.set(class);
                failed.report(operation);
                self.control.advance(Stage::Draining);
                Outcome::Final(Verdict::HandBack)
            }
            _ if !may_try_again => dead(Reason::Permanent, failed.report(operation).1),
            _ if attempt >= self.settings.attempts => {
                let reason = if failed.is_panic { Reason::Poison } else { Reason::Exhausted };
                dead(reason, failed.report(operation).1)
            }
            _ => {
                let told = class.retry_after().unwrap_or_default();
                let after = delay(&self.settings.backoff, attempt).max(told);
                // A panic is a bug, and is logged each time; a failure that is retried isn't.
                if failed.is_panic {
                    failed.report(operation);
                }
                self.failures.remember(message, SystemTime::now());
                self.summary().retried += 1;
                tracing::info!(
                    target: "resilience",
                    queue = self.queue,
                    request_id = request_id.as_str(),
                    attempts = attempt,
                    code = class.code(),
                    delay_ms = after.as_millis(),
                    "message_retry"
                );
                Outcome::Retry(after)
            }
        }
    }

    fn pause(&self, code: &str, time: Option<Duration>) {
        let time = self.control.pause(time);
        self.summary().pauses += 1;
        tracing::warn!(
            target: "resilience",
            queue = self.queue,
            code,
            delay_ms = time.as_millis(),
            "source_paused"
        );
    }

    async fn settle<L>(&self, delivery: &L, verdict: Verdict, request_id: &RequestId)
    where
        L: Delivery,
        D: Destination<L>,
    {
        let message = delivery.message();
        match verdict {
            Verdict::Processed => {
                self.failures.forget(message);
                self.control.succeeded();
                self.summary().processed += 1;
                self.settled("ack", request_id, delivery.ack().await);
            }
            Verdict::Redeliver { after } => {
                let after = if L::DELAYS {
                    after
                } else {
                    // If the consumer stops, the message goes back at once.
                    let _ = keep(delivery, self.control.sleep(after)).await;
                    Duration::ZERO
                };
                self.settled("retry", request_id, delivery.retry(after).await);
            }
            Verdict::HandBack => self.hand_back(delivery, request_id).await,
            Verdict::DeadLetter { reason, failure, attempts } => {
                let first_failure = self.failures.forget(message);
                let mut letter = self.letter(
                    message,
                    request_id,
                    Letter::new("", Payload::json(""), reason, failure),
                );
                letter.attempts = attempts;
                letter.first_failure = first_failure.unwrap_or(letter.first_failure);
                match keep(delivery, self.store(delivery, &letter)).await {
                    Ok(()) => {
                        self.summary().dead_lettered += 1;
                        tracing::warn!(
                            target: "resilience",
                            queue = self.queue,
                            request_id = request_id.as_str(),
                            attempts,
                            code = letter.failure.code,
                            reason = reason.as_str(),
                            "message_sent_to_dlq"
                        );
                        self.settled("term", request_id, delivery.term().await);
                    }
                    Err(Stopping) => self.hand_back(delivery, request_id).await,
                }
            }
        }
    }

    fn letter(&self, message: &Message, request_id: &RequestId, mut letter: Letter) -> Letter {
        letter.queue.clone_from(&self.queue);
        letter.payload = Payload::new(message.payload(), message.media_type());
        letter.request_id = Some(request_id.as_str().to_owned());
        letter.trace_parent = message.trace_parent().map(str::to_owned);
        letter.dedupe_key = message.message_id().map(str::to_owned);
        letter.metadata.clone_from(message.headers());
        letter
    }

    /// Stores a letter. While that fails, the source is paused.
    async fn store<L>(&self, delivery: &L, letter: &Letter) -> Result<(), Stopping>
    where
        L: Delivery,
        D: Destination<L>,
    {
        loop {
            // Once more even if the consumer stops: the letter may be the last step of the message.
            let stored = tokio::select! {
                biased;
                stored = self.dead_letters.put(delivery, letter) => stored,
                () = self.control.reached(Stage::Aborting) => return Err(Stopping),
            };
            match stored {
                Ok(()) => return Ok(()),
                Err(error) => {
                    tracing::error!(
                        target: "resilience",
                        queue = self.queue,
                        request_id = letter.request_id,
                        code = error.classify().code(),
                        error = %chain(&error),
                        "message_not_sent_to_dlq"
                    );
                    self.pause(error.classify().code(), None);
                    self.control.resumed().await?;
                }
            }
        }
    }

    async fn hand_back<L: Delivery>(&self, delivery: &L, request_id: &RequestId) {
        self.summary().handed_back += 1;
        self.settled("release", request_id, delivery.release().await);
    }

    fn settled(&self, step: &str, request_id: &RequestId, outcome: Result<(), SourceError>) {
        if let Err(error) = outcome {
            tracing::warn!(
                target: "resilience",
                queue = self.queue,
                request_id = request_id.as_str(),
                step,
                code = error.classify().code(),
                error = %error,
                "message_not_settled"
            );
        }
    }
}

/// Tells the broker that the message is in work, until the future is ready.
async fn keep<L: Delivery, F: Future>(delivery: &L, future: F) -> F::Output {
    let Some(every) = delivery.extend_every() else { return future.await };
    tokio::pin!(future);
    loop {
        tokio::select! {
            biased;
            output = &mut future => return output,
            () = tokio::time::sleep(every) => {}
        }
        // The work doesn't wait for the broker.
        tokio::select! {
            biased;
            output = &mut future => return output,
            extended = delivery.extend() => drop(extended),
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The beginning of a text, which may quote a large message.
fn bounded(text: &str) -> String {
    text.chars().take(1_000).collect()
}
