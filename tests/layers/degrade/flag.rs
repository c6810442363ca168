//! Kill switches.

use std::cell::Cell;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use resilience::circuit_breaker::CircuitState;
use resilience::{
    CircuitBreaker, Classify, Flag, Rejected, Sourced, circuit_breaker, degrade, flags, retry,
    timeout,
};
use resilience_test_support::{CallError, Events};

#[tokio::test]
async fn body_does_not_run_while_its_flag_is_off() {
    static FLAG: Flag = Flag::new("body");
    #[degrade(fallback = 0, flag = FLAG)]
    async fn call(runs: &Cell<u32>) -> Result<u32, CallError> {
        runs.set(runs.get() + 1);
        Ok(runs.get())
    }
    let runs = Cell::new(0);
    assert_eq!(call(&runs).await, Ok(1));
    FLAG.set(false);
    assert_eq!(call(&runs).await, Ok(0));
    FLAG.set(true);
    assert_eq!(call(&runs).await, Ok(2));
}

#[tokio::test]
async fn each_change_is_one_event_and_the_calls_are_none() {
    static FLAG: Flag = Flag::new("events");
    #[degrade(fallback = 0, flag = FLAG)]
    async fn call() -> Result<u32, CallError> {
        Ok(1)
    }
    let events = Events::capture();
    FLAG.set(true);
    for on in [false, true] {
        FLAG.set(on);
        FLAG.set(on);
        for _ in 0..3 {
            assert_eq!(call().await, Ok(u32::from(on)));
        }
    }
    let changes: Vec<_> = events
        .all()
        .iter()
        .map(|event| (event.name.clone(), event.field("on").to_owned()))
        .collect();
    let expected = ["false", "true"].map(|on| ("flag_changed".to_owned(), on.to_owned()));
    assert_eq!(changes, expected);
    let event = &events.all()[0];
    assert_eq!((event.field("flag"), event.field("by")), ("events", "set"));
    assert_eq!(event.level, tracing::Level::WARN);
}

#[tokio::test]
async fn change_is_seen_by_the_next_call_on_any_thread() {
    static FLAG: Flag = Flag::new("threads");
    #[degrade(fallback = false, flag = FLAG)]
    fn is_called() -> Result<bool, CallError> {
        Ok(true)
    }
    for on in [false, true, false] {
        FLAG.set(on);
        let seen = std::thread::spawn(is_called).join().unwrap();
        assert_eq!(seen, Ok(on));
    }
}

#[test]
fn change_is_seen_by_the_next_call_in_a_runtime_of_another_thread() {
    static FLAG: Flag = Flag::new("runtimes");
    #[degrade(fallback = false, flag = FLAG)]
    async fn is_called() -> Result<bool, CallError> {
        tokio::task::yield_now().await;
        Ok(true)
    }
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (ask, asked) = std::sync::mpsc::channel();
    let (answer, answers) = std::sync::mpsc::channel();
    let caller = std::thread::spawn(move || {
        let runtime = runtime();
        for () in asked {
            answer.send(runtime.block_on(is_called())).unwrap();
        }
    });
    let here = runtime();
    for on in [true, false, true, false, false, true] {
        FLAG.set(on);
        ask.send(()).unwrap();
        assert_eq!(answers.recv().unwrap(), Ok(on), "the thread and its runtime run all the time");
        assert_eq!(here.block_on(is_called()), Ok(on));
    }
    drop(ask);
    caller.join().unwrap();
}

#[tokio::test]
async fn without_a_fallback_the_call_is_rejected() {
    static FLAG: Flag = Flag::off("rejects");
    static BREAKER: CircuitBreaker = CircuitBreaker::new("rejects").failure_threshold(1);
    #[degrade(flag = FLAG)]
    #[retry(idempotent)]
    #[circuit_breaker(BREAKER)]
    #[timeout("1s")]
    async fn charge(order: &str) -> Result<String, CallError> {
        panic!("the flag is off, {order}")
    }
    let Err(CallError::Rejected(rejected)) = charge("7").await else { panic!("it is rejected") };
    assert_eq!(rejected, Rejected::switched_off("rejects"));
    let class = rejected.classify();
    assert_eq!((class.code(), class.status(), class.is_retryable()), ("SWITCHED_OFF", 503, false));
    assert_eq!(BREAKER.state(), CircuitState::Closed);
}

/// So it can take its arguments.
#[tokio::test]
async fn body_under_a_flag_alone_runs_once() {
    static FLAG: Flag = Flag::new("once");
    #[degrade(flag = FLAG)]
    async fn take(order: String) -> Result<String, CallError> {
        Ok(order)
    }
    assert_eq!(take("7".to_owned()).await.unwrap(), "7");
}

#[tokio::test]
async fn fallback_learns_that_the_flag_is_off() {
    static FLAG: Flag = Flag::off("cause");
    #[degrade(fallback = |error| error.to_string(), flag = FLAG, on = permanent)]
    async fn text() -> Result<Sourced<String>, CallError> {
        Ok(Sourced::live(String::new()))
    }
    #[degrade(fallback = Err(CallError::CacheMiss)?, flag = FLAG)]
    async fn fails() -> Result<u32, CallError> {
        Ok(1)
    }
    let error = CallError::Rejected(Rejected::switched_off("cause"));
    assert_eq!(text().await, Ok(Sourced::fallback(error.to_string(), "SWITCHED_OFF")));
    assert_eq!(fails().await, Err(error));
}

#[tokio::test]
async fn flags_are_listed_and_set_by_name() {
    static REGISTERED: Flag = Flag::new("registered");
    static USED: Flag = Flag::new("used");
    #[degrade(flag = USED)]
    async fn uses() -> Result<(), CallError> {
        Ok(())
    }
    let names = || flags().iter().map(Flag::name).collect::<Vec<_>>();
    assert!(!names().contains(&"registered") && !names().contains(&"used"));
    flags().register(&REGISTERED);
    flags().register(&REGISTERED);
    uses().await.unwrap();
    uses().await.unwrap();
    for name in ["registered", "used"] {
        assert_eq!(names().iter().filter(|listed| **listed == name).count(), 1);
        assert!(flags().is_on(name));
        flags().set(name, false).unwrap();
        assert!(!flags().is_on(name));
        flags().reset(name).unwrap();
        assert!(flags().is_on(name));
    }
    assert!(uses().await.is_ok());

    let unknown = flags().set("registred", false).unwrap_err();
    assert_eq!(unknown.to_string(), "there is no flag `registred`");
    assert_eq!((unknown.name(), unknown.classify().status()), ("registred", 404));
    assert!(flags().reset("registred").is_err());
    assert!(!flags().is_on("registred"), "an unknown flag is off");
}

#[test]
fn flag_follows_its_source_unless_it_is_set() {
    static FLAG: Flag = Flag::new("follows");
    static CONFIGURED: AtomicBool = AtomicBool::new(true);
    let events = Events::capture();
    assert!(FLAG.follow(|| CONFIGURED.load(Relaxed)));
    assert!(!FLAG.follow(|| true), "it has a source");
    assert!(FLAG.is_on());

    CONFIGURED.store(false, Relaxed);
    assert!(!FLAG.is_on() && !FLAG.is_on());
    FLAG.set(true);
    assert!(FLAG.is_on());
    FLAG.reset();
    assert!(!FLAG.is_on());
    CONFIGURED.store(true, Relaxed);
    assert!(FLAG.is_on());

    let changes: Vec<_> = events
        .named("flag_changed")
        .iter()
        .map(|event| (event.field("on").to_owned(), event.field("by").to_owned()))
        .collect();
    let expected = [("false", "source"), ("true", "set"), ("false", "reset"), ("true", "source")];
    assert_eq!(changes, expected.map(|(on, by)| (on.to_owned(), by.to_owned())));
}

#[test]
fn flag_stays_as_it_was_if_its_source_panics() {
    static FLAG: Flag = Flag::off("panics");
    FLAG.follow(|| panic!("no configuration"));
    assert!(!FLAG.is_on());
}

#[test]
fn update_is_effective_after_what_operators_have_set() {
    static FLAG: Flag = Flag::new("updated");
    FLAG.update(false);
    assert!(!FLAG.is_on());
    FLAG.set(false);
    FLAG.update(true);
    assert!(!FLAG.is_on(), "it is set");
    FLAG.reset();
    assert!(FLAG.is_on());
}
