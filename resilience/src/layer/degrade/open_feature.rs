use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use open_feature::{Client, EvaluationContext, EvaluationErrorCode};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{Flag, flags};
use crate::layer::events;

/// Keeps [flags](Flag) as [OpenFeature](https://openfeature.dev) has them.
///
/// OpenFeature is asked from time to time and not at each call: a call reads a local flag, and is
/// neither slower nor less available than it was.
///
/// ```no_run
/// use open_feature::OpenFeature;
/// use resilience::{Flag, degrade::OpenFeatureFlags, secs};
///
/// static RECOMMENDATIONS: Flag = Flag::new("recommendations");
///
/// # async fn start() {
/// let client = OpenFeature::singleton().await.create_client();
/// OpenFeatureFlags::new(client).flag(&RECOMMENDATIONS).refresh_every(secs(10));
/// # }
/// ```
///
/// | OpenFeature answers | the flag |
/// |---|---|
/// | on or off | is so, by [`Flag::update`] |
/// | there is no such flag | is off |
/// | another error: not ready, not a Boolean … | stays as it is, and `flag_not_refreshed` (WARN) is logged, once until there is an answer |
///
/// What operators [`set`](Flag::set) wins.
pub struct OpenFeatureFlags {
    client: Client,
    context: Option<EvaluationContext>,
    flags: Vec<Followed>,
}

struct Followed {
    flag: &'static Flag,
    /// Whether the last answer was an error that has been logged.
    fails: AtomicBool,
}

impl OpenFeatureFlags {
    /// Starts without flags.
    pub fn new(client: Client) -> Self {
        Self { client, context: None, flags: Vec::new() }
    }

    /// Sets what is evaluated for, such as the name of the service. By default, the client's
    /// context.
    #[must_use]
    pub fn context(mut self, context: EvaluationContext) -> Self {
        self.context = Some(context);
        self
    }

    /// Adds a flag, under its name. Also [registers](super::Flags::register) it.
    #[must_use]
    pub fn flag(mut self, flag: &'static Flag) -> Self {
        flags().register(flag);
        self.flags.push(Followed { flag, fails: AtomicBool::new(false) });
        self
    }

    /// Asks for all flags, one after another.
    ///
    /// Dropping the future leaves the flags that it hasn't come to as they are.
    pub async fn refresh(&self) {
        for followed in &self.flags {
            let name = followed.flag.name();
            let answer = self.client.get_bool_value(name, self.context.as_ref(), None).await;
            match answer {
                Ok(on) => followed.answered(on),
                Err(error) if error.code == EvaluationErrorCode::FlagNotFound => {
                    followed.answered(false);
                }
                Err(error) => followed.failed(code(&error.code)),
            }
        }
    }

    /// Starts a task that [refreshes](Self::refresh) now and then at this interval, at least 1 ms.
    /// One that takes longer than that, and at least 1 s, is given up.
    ///
    /// The task ends with its runtime, or by `abort`.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn refresh_every(self, every: Duration) -> JoinHandle<()> {
        let every = every.max(Duration::from_millis(1));
        tokio::spawn(async move {
            let mut ticks = interval(every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if timeout(every.max(Duration::from_secs(1)), self.refresh()).await.is_err() {
                    for followed in &self.flags {
                        followed.failed("TIMED_OUT");
                    }
                }
            }
        })
    }
}

impl Followed {
    fn answered(&self, on: bool) {
        self.fails.store(false, Relaxed);
        self.flag.update(on);
    }

    fn failed(&self, code: &'static str) {
        if !self.fails.swap(true, Relaxed) {
            events::flag_not_refreshed(self.flag.name(), code);
        }
    }
}

/// Not the error's own text, which may contain anything.
fn code(code: &EvaluationErrorCode) -> &'static str {
    match code {
        EvaluationErrorCode::ProviderNotReady => "PROVIDER_NOT_READY",
        EvaluationErrorCode::FlagNotFound => "FLAG_NOT_FOUND",
        EvaluationErrorCode::ParseError => "PARSE_ERROR",
        EvaluationErrorCode::TypeMismatch => "TYPE_MISMATCH",
        EvaluationErrorCode::TargetingKeyMissing => "TARGETING_KEY_MISSING",
        EvaluationErrorCode::InvalidContext => "INVALID_CONTEXT",
        EvaluationErrorCode::General(_) => "GENERAL",
    }
}

impl fmt::Debug for OpenFeatureFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.flags.iter().map(|followed| followed.flag.name()).collect();
        f.debug_struct("OpenFeatureFlags").field("flags", &names).finish_non_exhaustive()
    }
}
