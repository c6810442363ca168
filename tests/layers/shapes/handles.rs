//! Every way to name a breaker or a budget: a value that is kept, however it is held.

use std::cell::Cell;
use std::sync::{Arc, LazyLock, OnceLock};

use resilience::circuit_breaker::CircuitState::Open;
use resilience::{CircuitBreaker, RetryBudget, circuit_breaker, retry};
use resilience_test_support::{CallError, Events};

type Answer = Result<u32, CallError>;

fn breaker(name: &'static str) -> CircuitBreaker {
    CircuitBreaker::new(name).failure_threshold(2)
}

static PLAIN: CircuitBreaker = CircuitBreaker::new("plain").failure_threshold(2);
static LAZY: LazyLock<CircuitBreaker> = LazyLock::new(|| breaker("lazy"));
static LAZY_ARC: LazyLock<Arc<CircuitBreaker>> = LazyLock::new(|| Arc::new(breaker("lazy_arc")));
static ONCE: OnceLock<CircuitBreaker> = OnceLock::new();

/// Declares a function for each handle; its calls fail twice and are then rejected.
macro_rules! opens {
    ($($name:ident: $handle:expr, $state:expr;)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            #[circuit_breaker($handle)]
            async fn call(calls: &Cell<u32>) -> Answer {
                calls.set(calls.get() + 1);
                Err(CallError::Busy)
            }
            let calls = Cell::new(0);
            for _ in 0..5 {
                assert!(call(&calls).await.is_err());
            }
            assert_eq!(calls.get(), 2);
            let breaker: &CircuitBreaker = $state;
            assert_eq!(breaker.state(), Open);
            breaker.reset();
        }
    )*};
}

fn global() -> &'static CircuitBreaker {
    static GLOBAL: CircuitBreaker = CircuitBreaker::new("global").failure_threshold(2);
    &GLOBAL
}

mod separate {
    pub(crate) static BY_PATH: super::LazyLock<super::CircuitBreaker> =
        super::LazyLock::new(|| super::breaker("by_path"));
}

opens! {
    static_breaker: PLAIN, &PLAIN;
    lazy_static_breaker: LAZY, &LAZY;
    lazy_static_arc: LAZY_ARC, &LAZY_ARC;
    static_in_another_module: separate::BY_PATH, &separate::BY_PATH;
    value_of_a_once_lock: ONCE.get_or_init(|| breaker("once")), ONCE.get().unwrap();
    function: global(), global();
}

#[tokio::test(start_paused = true)]
async fn dereferenced_statics_are_the_same_breakers() {
    static DEREFERENCED: LazyLock<CircuitBreaker> = LazyLock::new(|| breaker("dereferenced"));

    #[circuit_breaker(*DEREFERENCED)]
    async fn one() -> Answer {
        Err(CallError::Busy)
    }

    #[circuit_breaker(&*DEREFERENCED)]
    async fn two() -> Answer {
        Err(CallError::Busy)
    }

    #[circuit_breaker(&DEREFERENCED)]
    async fn three() -> Answer {
        Ok(1)
    }

    assert!(one().await.is_err() && two().await.is_err());
    assert!(
        matches!(three().await, Err(CallError::Rejected(rejected)) if rejected.is_circuit_open())
    );
}

struct Own(CircuitBreaker);

impl std::ops::Deref for Own {
    type Target = CircuitBreaker;

    fn deref(&self) -> &CircuitBreaker {
        &self.0
    }
}

struct Client {
    plain: CircuitBreaker,
    shared: Arc<CircuitBreaker>,
    own: Own,
    lazy: LazyLock<CircuitBreaker>,
    several: Vec<CircuitBreaker>,
    of_static: &'static CircuitBreaker,
    budget: RetryBudget,
}

impl Client {
    fn new() -> Self {
        static OF_FIELD: CircuitBreaker = CircuitBreaker::new("of_field").failure_threshold(2);
        Self {
            plain: breaker("plain_field"),
            shared: Arc::new(breaker("shared_field")),
            own: Own(breaker("own_field")),
            lazy: LazyLock::new(|| breaker("lazy_field")),
            several: vec![breaker("first"), breaker("second")],
            of_static: &OF_FIELD,
            budget: RetryBudget::grpc(2, 0.1),
        }
    }

    fn borrowed(&self) -> &CircuitBreaker {
        &self.plain
    }

    fn cloned(&self) -> Arc<CircuitBreaker> {
        Arc::clone(&self.shared)
    }

    fn budget(&self) -> &RetryBudget {
        &self.budget
    }
}

impl Client {
    #[circuit_breaker(self.plain)]
    async fn by_field(&self) -> Answer {
        Err(CallError::Busy)
    }

    #[circuit_breaker(&self.plain)]
    async fn by_reference(&self) -> Answer {
        Err(CallError::Busy)
    }

    #[circuit_breaker(self.borrowed())]
    async fn by_method(&self) -> Answer {
        Err(CallError::Busy)
    }

    #[circuit_breaker(*self.shared)]
    async fn by_dereferenced_arc(&self) -> Answer {
        Err(CallError::Busy)
    }

    #[circuit_breaker(self.cloned())]
    async fn by_returned_arc(&self) -> Answer {
        Err(CallError::Busy)
    }

    #[circuit_breaker(self.cloned())]
    async fn by_returned_arc_of_mut(&mut self) -> Answer {
        Err(CallError::Busy)
    }

    #[circuit_breaker(self.own)]
    async fn by_own_type(&self) -> Answer {
        Err(CallError::Busy)
    }

    #[circuit_breaker(self.lazy)]
    async fn by_lazy_field(&self) -> Answer {
        Err(CallError::Busy)
    }

    #[circuit_breaker(self.several[at])]
    async fn by_index(&self, at: usize) -> Answer {
        Err(CallError::Busy)
    }

    #[circuit_breaker(self.of_static)]
    async fn by_static_in_a_field(&self) -> Answer {
        Err(CallError::Busy)
    }

    #[circuit_breaker(self.borrowed())]
    fn not_async(&self) -> Answer {
        Err(CallError::Busy)
    }

    #[retry(idempotent, external_timeout, attempts = 5, budget = self.budget)]
    #[circuit_breaker(self.shared)]
    async fn named_by_its_field(&self) -> Answer {
        Err(CallError::Busy)
    }

    #[retry(idempotent, external_timeout, budget = self.budget())]
    async fn by_budget(&self) -> Answer {
        Err(CallError::Busy)
    }
}

#[tokio::test(start_paused = true)]
async fn fields_and_methods_name_one_breaker() {
    let mut client = Client::new();
    assert!(client.by_field().await.is_err() && client.by_reference().await.is_err());
    assert_eq!(client.plain.state(), Open);
    assert!(is_open(&client.by_method().await) && is_open(&client.not_async()));

    assert!(client.by_dereferenced_arc().await.is_err());
    assert!(client.by_returned_arc().await.is_err());
    assert!(is_open(&client.by_returned_arc_of_mut().await));

    for _ in 0..2 {
        assert!(!is_open(&client.by_own_type().await));
        assert!(!is_open(&client.by_lazy_field().await));
        assert!(!is_open(&client.by_static_in_a_field().await));
        assert!(!is_open(&client.by_index(1).await));
    }
    assert!(is_open(&client.by_own_type().await));
    assert!(is_open(&client.by_lazy_field().await));
    assert!(is_open(&client.by_static_in_a_field().await));
    assert!(is_open(&client.by_index(1).await) && !is_open(&client.by_index(0).await));
}

#[circuit_breaker(breaker)]
async fn by_argument(breaker: &CircuitBreaker) -> Answer {
    Err(CallError::Busy)
}

#[circuit_breaker(client.plain)]
async fn by_field_of_an_argument(client: &Client) -> Answer {
    Err(CallError::Busy)
}

#[tokio::test(start_paused = true)]
async fn arguments_name_a_breaker() {
    let client = Client::new();
    assert!(by_argument(&client.plain).await.is_err());
    assert!(by_field_of_an_argument(&client).await.is_err());
    assert!(is_open(&by_argument(&client.plain).await));
}

#[tokio::test(start_paused = true)]
async fn budget_of_a_field_runs_out() {
    let client = Client::new();
    assert!(client.by_budget().await.is_err());
    assert!(client.budget.tokens() < 2.0);
}

#[tokio::test(start_paused = true)]
async fn breaker_gives_its_name_to_all_events_of_the_nest() {
    #[retry(idempotent, external_timeout, attempts = 5)]
    #[circuit_breaker(LAZY_NAMED)]
    async fn lazily() -> Answer {
        Err(CallError::Busy)
    }

    static LAZY_NAMED: LazyLock<CircuitBreaker> = LazyLock::new(|| breaker("lazy_named"));

    for service in ["shared_field", "lazy_named"] {
        let events = Events::capture();
        let client = Client::new();
        let answer = if service == "lazy_named" {
            lazily().await
        } else {
            client.named_by_its_field().await
        };
        assert!(answer.is_err());
        for event in events.all() {
            assert_eq!(event.field("service"), service, "{}", event.line);
        }
        assert!(!events.named("retry_stopped").is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn site_with_breakers_of_several_names_keeps_the_function_as_its_label() {
    struct Tenant(CircuitBreaker);

    impl Tenant {
        #[retry(idempotent, external_timeout, attempts = 2)]
        #[circuit_breaker(self.0)]
        async fn several(&self) -> Answer {
            Err(CallError::Busy)
        }
    }

    let [one, two, one_again] = ["one", "two", "one"].map(|name| Tenant(breaker(name)));
    let service = async |tenant: &Tenant| {
        let events = Events::capture();
        assert!(tenant.several().await.is_err());
        // An open breaker's rejection is the only event of its call.
        events.all().pop().expect("an event").field("service").to_owned()
    };
    assert_eq!(service(&one).await, "one");
    assert_eq!(service(&two).await, "several");
    assert_eq!(service(&one_again).await, "several");
}

fn is_open(answer: &Answer) -> bool {
    matches!(answer, Err(CallError::Rejected(rejected)) if rejected.is_circuit_open())
}
