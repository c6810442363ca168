//! `non_idempotent` judges the whole body: what an attempt has done isn't done again.

use std::sync::Arc;

use resilience::{
    Retry, RetryBudget, context, degrade, millis, retry,
    retry::{Attempts, RetryRules},
    timeout,
};
use resilience_test_support::{Answer, CallError, Events, Script};

/// A callee that refuses every connection.
fn refusing() -> Script {
    Script::failures(std::iter::repeat_n(CallError::Refused, 20))
}

/// What a helper does is only known at run time.
async fn charge_and_tell(payments: &Script, mail: &Script) -> Result<u32, CallError> {
    payments.call().await?;
    context().mark_sent();
    mail.call().await
}

#[tokio::test(start_paused = true)]
async fn marked_attempt_is_not_repeated() {
    #[retry(non_idempotent, external_timeout)]
    async fn pay(payments: &Script, mail: &Script) -> Result<u32, CallError> {
        charge_and_tell(payments, mail).await
    }
    let events = Events::capture();
    let (payments, mail) = (Script::failures([CallError::Refused]), refusing());
    assert_eq!(pay(&payments, &mail).await, Err(CallError::Refused));
    assert_eq!((payments.calls(), mail.calls()), (2, 1), "the first attempt sent nothing");
    assert_eq!(events.named("retry_stopped")[0].field("reason"), "not_idempotent");
}

#[tokio::test(start_paused = true)]
async fn mark_does_not_stop_calls_that_may_be_repeated() {
    #[retry(idempotent, external_timeout)]
    async fn idempotent(payments: &Script, mail: &Script) -> Result<u32, CallError> {
        charge_and_tell(payments, mail).await
    }
    #[retry(idempotency_key, external_timeout)]
    async fn with_key(payments: &Script, mail: &Script) -> Result<u32, CallError> {
        charge_and_tell(payments, mail).await
    }
    for pay in [0, 1] {
        let (payments, mail) = (Script::new([]), refusing());
        let outcome = match pay {
            0 => idempotent(&payments, &mail).await,
            _ => with_key(&payments, &mail).await,
        };
        assert_eq!((outcome, payments.calls()), (Err(CallError::Refused), 3));
    }
}

/// As `futures` has it: the macro only sees its name.
async fn try_join_all(calls: impl IntoIterator<Item = &Script>) -> Result<Vec<u32>, CallError> {
    let mut all = Vec::new();
    for call in calls {
        all.push(call.call().await?);
    }
    Ok(all)
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_awaited_at_once_are_not_repeated() {
    #[retry(non_idempotent, external_timeout)]
    async fn pay(payments: &Script, mail: &Script) -> Result<Vec<u32>, CallError> {
        try_join_all([payments, mail]).await
    }
    #[retry(non_idempotent, external_timeout)]
    async fn start(payments: &Arc<Script>, mail: &Script) -> Result<u32, CallError> {
        let payments = Arc::clone(payments);
        tokio::spawn(async move { payments.call().await });
        tokio::task::yield_now().await;
        mail.call().await
    }
    async fn call(payments: Arc<Script>) -> Result<u32, CallError> {
        payments.call().await
    }
    #[retry(non_idempotent, external_timeout)]
    async fn one_task(payments: &Arc<Script>) -> Result<u32, CallError> {
        tokio::spawn(call(Arc::clone(payments))).await.expect("no panic")
    }
    let (payments, mail) = (Arc::new(Script::new([])), refusing());
    assert_eq!(pay(&payments, &mail).await, Err(CallError::Refused));
    assert_eq!(payments.calls(), 1);
    assert_eq!(start(&payments, &mail).await, Err(CallError::Refused));
    assert_eq!(payments.calls(), 2);
    let refused = Arc::new(refusing());
    assert_eq!(one_task(&refused).await, Err(CallError::Refused));
    assert_eq!(refused.calls(), 3, "it is one step, which sent nothing");
}

#[tokio::test(start_paused = true)]
async fn body_that_goes_on_after_an_unseen_step_is_not_repeated() {
    #[retry(non_idempotent, external_timeout)]
    async fn pay(payments: &Script, mail: &Script) -> Result<u32, CallError> {
        payments.call().await?;
        mail.call().await
    }
    const ONCE: Retry = Retry::new().non_idempotent();
    #[retry(ONCE, external_timeout)]
    async fn by_policy(payments: &Script, mail: &Script) -> Result<u32, CallError> {
        payments.call().await?;
        mail.call().await
    }
    #[retry(non_idempotent, external_timeout)]
    async fn many(payments: &[Script]) -> Result<u32, CallError> {
        for payment in payments {
            payment.call().await?;
        }
        Ok(0)
    }
    let (payments, mail) = (Script::new([]), refusing());
    assert_eq!(pay(&payments, &mail).await, Err(CallError::Refused));
    assert_eq!(by_policy(&payments, &mail).await, Err(CallError::Refused));
    assert_eq!(payments.calls(), 2, "one for each");
    let all = [Script::new([]), refusing()];
    assert_eq!(many(&all).await, Err(CallError::Refused));
    assert_eq!(all[0].calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn method_of_async_trait_is_not_repeated_after_an_unseen_step() {
    struct Shop {
        payments: Script,
        mail: Script,
    }
    #[async_trait::async_trait]
    trait Pay {
        async fn pay(&self) -> Result<u32, CallError>;
    }
    #[async_trait::async_trait]
    impl Pay for Shop {
        #[retry(non_idempotent, external_timeout)]
        async fn pay(&self) -> Result<u32, CallError> {
            self.payments.call().await?;
            self.mail.call().await
        }
    }
    let shop = Shop { payments: Script::new([]), mail: refusing() };
    assert_eq!(shop.pay().await, Err(CallError::Refused));
    assert_eq!(shop.payments.calls(), 1);
}

#[retry(non_idempotent, external_timeout, attempts = 2)]
async fn charge_once(payments: &Script) -> Result<u32, CallError> {
    payments.call().await
}

#[retry(idempotency_key, external_timeout, attempts = 2)]
async fn charge_with_key(payments: &Script) -> Result<u32, CallError> {
    payments.call().await
}

#[retry(idempotent, external_timeout, attempts = 2)]
async fn charge_again(payments: &Script) -> Result<u32, CallError> {
    payments.call().await
}

#[degrade(fallback = 0)]
async fn charge_if_possible(payments: &Script) -> Result<u32, CallError> {
    payments.call().await
}

async fn tell_after(
    charge: impl Future<Output = Result<u32, CallError>>,
    mail: &Script,
) -> Result<u32, CallError> {
    let _ = charge.await;
    mail.call().await
}

#[tokio::test(start_paused = true)]
async fn successful_inner_call_that_is_made_once_stops_the_outer_one() {
    #[retry(non_idempotent, external_timeout)]
    async fn once(payments: &Script, mail: &Script) -> Result<u32, CallError> {
        tell_after(charge_once(payments), mail).await
    }
    // Another attempt would make another key.
    #[retry(non_idempotent, external_timeout)]
    async fn with_key(payments: &Script, mail: &Script) -> Result<u32, CallError> {
        tell_after(charge_with_key(payments), mail).await
    }
    // It says that it may be repeated.
    #[retry(non_idempotent, external_timeout)]
    async fn again(payments: &Script, mail: &Script) -> Result<u32, CallError> {
        tell_after(charge_again(payments), mail).await
    }
    let (payments, mail) = (Script::new([]), refusing());
    assert_eq!(once(&payments, &mail).await, Err(CallError::Refused));
    assert_eq!(payments.calls(), 1);
    assert_eq!(with_key(&payments, &mail).await, Err(CallError::Refused));
    assert_eq!(payments.calls(), 2);
    assert_eq!(again(&payments, &mail).await, Err(CallError::Refused));
    assert_eq!(payments.calls(), 5);
}

#[tokio::test(start_paused = true)]
async fn failed_inner_call_that_may_have_been_sent_stops_the_outer_one() {
    #[retry(non_idempotent, external_timeout)]
    async fn again(payments: &Script, mail: &Script) -> Result<u32, CallError> {
        tell_after(charge_again(payments), mail).await
    }
    #[retry(non_idempotent, external_timeout)]
    async fn degraded(payments: &Script, mail: &Script) -> Result<u32, CallError> {
        tell_after(charge_if_possible(payments), mail).await
    }
    let busy = || Script::failures([CallError::Busy, CallError::Refused, CallError::Refused]);
    let (payments, mail) = (busy(), refusing());
    assert_eq!(again(&payments, &mail).await, Err(CallError::Refused));
    assert_eq!(payments.calls(), 2, "the second attempt was refused, the first one wasn't");
    let payments = busy();
    assert_eq!(degraded(&payments, &mail).await, Err(CallError::Refused));
    assert_eq!(payments.calls(), 1);
    // What was never sent may be done again.
    let payments = refusing();
    assert_eq!(degraded(&payments, &mail).await, Err(CallError::Refused));
    assert_eq!(payments.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn inner_call_whose_last_attempt_was_refused_may_have_been_sent() {
    #[retry(non_idempotent, external_timeout)]
    async fn pay(payments: &Script) -> Result<u32, CallError> {
        charge_again(payments).await
    }
    let payments = Script::failures([CallError::Busy, CallError::Refused]);
    assert_eq!(pay(&payments).await, Err(CallError::Refused));
    assert_eq!(payments.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn inner_call_that_timed_out_may_have_been_sent() {
    #[retry(idempotent, attempts = 2, base = "1ms")]
    #[timeout("1s")]
    async fn charge(payments: &Script) -> Result<u32, CallError> {
        payments.call().await
    }
    #[retry(non_idempotent, external_timeout)]
    async fn pay(payments: &Script) -> Result<u32, CallError> {
        charge(payments).await
    }
    let payments = Script::new([Answer::Hang, Answer::Now(Err(CallError::Refused))]);
    assert_eq!(pay(&payments).await, Err(CallError::Refused));
    assert_eq!(payments.calls(), 2);
}

#[test]
fn mark_stops_a_function_that_is_not_async() {
    #[retry(non_idempotent, base = "0s", jitter = "none", blocking)]
    fn pay(calls: &mut u32) -> Result<(), CallError> {
        *calls += 1;
        if *calls == 2 {
            context().mark_sent();
        }
        Err(CallError::Refused)
    }
    let mut calls = 0;
    assert_eq!(pay(&mut calls), Err(CallError::Refused));
    assert_eq!(calls, 2);
}

#[tokio::test(start_paused = true)]
async fn mark_stops_a_plain_retry() {
    static BUDGET: RetryBudget = RetryBudget::standard();
    let policy = Retry::new().base(millis(1)).non_idempotent();
    let (payments, mail) = (Script::failures([CallError::Refused]), refusing());
    let outcome = policy.run("payments", &BUDGET, || charge_and_tell(&payments, &mail)).await;
    assert_eq!((outcome, payments.calls()), (Err(CallError::Refused), 2));
}

#[tokio::test(start_paused = true)]
async fn mark_stops_a_loop_by_hand() {
    use resilience::{Classify, registry::Site};

    static SITE: Site = Site::new("payments", "pay", module_path!(), file!(), line!());
    const POLICY: Retry = Retry::new().base(millis(1)).non_idempotent();
    let (payments, mail) = (Script::new([]), refusing());
    let mut attempts = Attempts::new();
    let error = attempts.scope(charge_and_tell(&payments, &mail)).await.unwrap_err();
    let rules = RetryRules::new(&POLICY, SITE.budget(), &SITE);
    assert_eq!(attempts.judge(error, Classify::classify, rules), Err(CallError::Refused));
}

#[tokio::test(start_paused = true)]
async fn plain_retry_that_borrows_runs_in_a_task() {
    static BUDGET: RetryBudget = RetryBudget::standard();
    let policy = Retry::new().base(millis(1)).idempotent();
    let script = Arc::new(Script::failures([CallError::Busy]));
    let task = tokio::spawn(async move {
        let (script, number) = (&script, &mut 0);
        let counted = std::sync::Mutex::new(number);
        let call = || async {
            **counted.lock().unwrap() += 1;
            script.call().await
        };
        policy.run("inventory", &BUDGET, call).await
    });
    assert_eq!(task.await.unwrap(), Ok(2));
}

#[tokio::test(start_paused = true)]
async fn closure_of_a_plain_retry_sees_its_attempt() {
    static BUDGET: RetryBudget = RetryBudget::standard();
    let policy = Retry::new().base(millis(1)).idempotent();
    let call = || {
        let attempt = context().attempt();
        async move { if attempt < 3 { Err(CallError::Busy) } else { Ok(attempt) } }
    };
    assert_eq!(policy.run("inventory", &BUDGET, call).await, Ok(3));
}
