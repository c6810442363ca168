//! Breakers of a set, each for a key.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use proptest::prelude::*;
use resilience::circuit_breaker::CircuitState::{self, Closed, ForcedOpen, HalfOpen, Open};
use resilience::{
    CircuitBreaker, CircuitBreakers, Rejected, RetryBudget, circuit_breaker, registry, retry, secs,
    timeout,
};
use resilience_test_support::Events;
use tokio::time::advance;

use super::{BUSY, RECOVERY};

fn open<K: std::hash::Hash + ?Sized>(set: &CircuitBreakers<K>, key: &K) {
    while set.get(key).state() == Closed {
        set.get(key).acquire().unwrap().failed(&BUSY);
    }
}

fn succeed<K: std::hash::Hash + ?Sized>(set: &CircuitBreakers<K>, key: &K) {
    set.get(key).acquire().unwrap().succeeded();
}

#[tokio::test(start_paused = true)]
async fn each_key_goes_through_the_states_alone() {
    let set: CircuitBreakers<str> = CircuitBreakers::new("hosts").failure_threshold(2);
    open(&set, "a");
    assert_eq!((set.get("a").state(), set.get("b").state()), (Open, Closed));
    assert!(set.get("a").acquire().unwrap_err().is_circuit_open());
    succeed(&set, "b");
    advance(RECOVERY).await;
    let probe = set.get("a").acquire().unwrap();
    assert_eq!(set.get("a").state(), HalfOpen);
    assert!(set.get("a").acquire().is_err());
    probe.succeeded();
    assert_eq!(set.get("a").state(), Closed);
    let metrics = set.metrics();
    assert_eq!((metrics.keys, metrics.opened, metrics.rejected), (2, 1, 2));
    let failing = async { Err::<(), _>(Rejected::timed_out("hosts", secs(1))) };
    set.call("b", failing).await.unwrap_err();
    assert_eq!(set.get("b").consecutive_failures(), 1);
    assert_eq!(set.call("b", async { Ok::<_, Rejected>(3) }).await, Ok(3));
}

#[test]
fn the_least_recently_used_key_goes_first_and_an_open_one_never() {
    let set: CircuitBreakers<u32> = CircuitBreakers::new("small").failure_threshold(2).max_keys(3);
    let fail_once = |key| set.get(&key).acquire().unwrap().failed(&BUSY);
    let count = |key| set.get(&key).consecutive_failures();
    (1..=3).for_each(fail_once);
    fail_once(4);
    assert_eq!([1, 2, 3, 4].map(count), [0, 1, 1, 1], "asking for 1 doesn't add it");
    // Half of its failures: it is used without being changed.
    drop(set.get(&2).acquire().unwrap());
    fail_once(5);
    assert_eq!([2, 3, 4, 5].map(count), [1, 0, 1, 1]);
    open(&set, &4);
    (10..50).for_each(fail_once);
    assert_eq!((set.get(&4).state(), set.metrics().keys), (Open, 3));
    set.get(&4).reset();
    (50..60).for_each(fail_once);
    assert_eq!(count(4), 0);
}

#[tokio::test(start_paused = true)]
async fn new_key_of_a_set_that_is_all_open_is_not_guarded() {
    let events = Events::capture();
    let set: CircuitBreakers<u32> = CircuitBreakers::new("full").failure_threshold(1).max_keys(2);
    open(&set, &1);
    set.get(&2).force_open();
    for _ in 0..5 {
        set.get(&3).acquire().unwrap().failed(&BUSY);
    }
    assert_eq!((set.get(&3).state(), set.metrics().keys), (Closed, 2));
    let full: Vec<_> =
        events.all().into_iter().filter(|event| event.line.contains("_full")).collect();
    assert_eq!(full.len(), 1);
    assert_eq!(
        full[0].line,
        r#"WARN circuit_breakers_full service="full" dependency="full" max_keys=2"#
    );
    advance(RECOVERY).await;
    succeed(&set, &1);
    open(&set, &3);
    assert_eq!((set.get(&3).state(), set.get(&2).state()), (Open, ForcedOpen));
}

#[test]
fn result_of_a_call_whose_key_has_gone_counts_for_no_other() {
    let set: CircuitBreakers<u32> = CircuitBreakers::new("gone").failure_threshold(1).max_keys(1);
    let permit = set.get(&1).acquire().unwrap();
    let dropped = set.get(&1).acquire().unwrap();
    succeed(&set, &2);
    permit.failed(&BUSY);
    drop(dropped);
    assert_eq!([1, 2].map(|key| set.get(&key).state()), [Closed, Closed]);
    assert_eq!(set.metrics().counted_failures, 0);
}

#[test]
fn keys_that_take_each_others_places_never_see_each_others_states() {
    let set: CircuitBreakers<u32> =
        CircuitBreakers::new("contended").failure_threshold(1).max_keys(3);
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let set = &set;
            scope.spawn(move || {
                for step in 0..20_000_u32 {
                    // Odd keys fail and open. Even keys never do.
                    let key = step.wrapping_mul(7).wrapping_add(thread) % 16;
                    match set.get(&key).acquire() {
                        Ok(permit) if key % 2 == 1 => permit.failed(&BUSY),
                        Ok(permit) => permit.succeeded(),
                        Err(_) => assert_eq!(key % 2, 1, "{key} is healthy"),
                    }
                    if step % 64 == 0 {
                        set.reset();
                    }
                }
            });
        }
    });
}

#[tokio::test(start_paused = true)]
async fn registry_lists_sets_with_their_keys_and_controls_each() {
    let set: CircuitBreakers<String> = CircuitBreakers::new("listed set").failure_threshold(1);
    let found = || registry().circuit_breaker_sets().find(|set| set.name() == "listed set");
    assert!(found().is_none());
    open(&set, &"a".to_owned());
    let moved = vec![set];
    let listed = found().unwrap();
    assert_eq!((listed.metrics().keys, listed.metrics().open), (1, 1));
    listed.get("a").reset();
    listed.get("b").force_open();
    assert_eq!(moved[0].get(&"a".to_owned()).state(), Closed);
    assert!(moved[0].get(&"b".to_owned()).acquire().is_err());
    listed.reset();
    assert!(moved[0].get(&"b".to_owned()).acquire().is_ok());
    drop((moved, listed));
    assert!(found().is_none());
}

#[test]
fn key_is_logged_only_if_its_text_is_asked_for() {
    let events = Events::capture();
    let silent: CircuitBreakers<str> = CircuitBreakers::new("silent").failure_threshold(1);
    open(&silent, "secret");
    let telling: CircuitBreakers<str> =
        CircuitBreakers::new("telling").failure_threshold(1).log_keys(str::to_uppercase);
    open(&telling, "partner");
    assert!(telling.get("partner").acquire().is_err());
    let lines: Vec<String> = events.all().into_iter().map(|event| event.line).collect();
    assert!(lines.iter().all(|line| !line.contains("secret")));
    let told: Vec<_> = lines.iter().filter(|line| line.contains(r#"key="PARTNER""#)).collect();
    assert_eq!(told.len(), 3, "{lines:?}");
    assert!(!format!("{:?} {:?}", telling.get("partner"), telling).contains("artner"));
}

#[tokio::test(start_paused = true)]
async fn new_key_does_not_inherit_the_window_of_the_one_before() {
    let set: CircuitBreakers<u32> = CircuitBreakers::new("rates")
        .failure_rate(50)
        .window_time(secs(10))
        .min_calls(4)
        .max_keys(1);
    for _ in 0..3 {
        set.get(&1).acquire().unwrap().failed(&BUSY);
    }
    for _ in 0..3 {
        set.get(&2).acquire().unwrap().failed(&BUSY);
    }
    assert_eq!((set.get(&2).state(), set.metrics().keys), (Closed, 1));
    set.get(&2).acquire().unwrap().failed(&BUSY);
    assert_eq!((set.get(&2).state(), set.metrics().open), (Open, 1));
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Call(u8, bool),
    Force(u8, bool),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..6_u8, any::<bool>()).prop_map(|(key, fails)| Step::Call(key, fails)),
        1 => (0..6_u8, any::<bool>()).prop_map(|(key, opens)| Step::Force(key, opens)),
        2 => (0..40_000_u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn each_key_acts_like_a_breaker_of_its_own(steps in prop::collection::vec(step(), 0..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let set: CircuitBreakers<u8> = CircuitBreakers::new("set").failure_threshold(2);
            let mut alone: HashMap<u8, CircuitBreaker> = HashMap::new();
            for step in steps {
                match step {
                    Step::Call(key, fails) => {
                        let one = alone
                            .entry(key)
                            .or_insert_with(|| CircuitBreaker::new("set").failure_threshold(2));
                        let permits = (set.get(&key).acquire(), one.acquire());
                        assert_eq!(permits.0.as_ref().err(), permits.1.as_ref().err());
                        for permit in [permits.0, permits.1].into_iter().flatten() {
                            if fails { permit.failed(&BUSY) } else { permit.succeeded() }
                        }
                    }
                    Step::Force(key, opens) => {
                        let one = alone
                            .entry(key)
                            .or_insert_with(|| CircuitBreaker::new("set").failure_threshold(2));
                        if opens {
                            set.get(&key).force_open();
                            one.force_open();
                        } else {
                            set.get(&key).reset();
                            one.reset();
                        }
                    }
                    Step::Wait(millis) => advance(Duration::from_millis(millis)).await,
                }
                for (key, one) in &alone {
                    assert_eq!(set.get(key).state(), one.state());
                    assert_eq!(set.get(key).would_reject(), one.would_reject());
                }
            }
        });
    }
}

#[derive(Debug, Clone, Hash)]
struct Tenant(String);

static PARTNERS: CircuitBreakers<str> = CircuitBreakers::new("partners").failure_threshold(2);
static REGIONS: CircuitBreakers<(Tenant, u8)> =
    CircuitBreakers::new("regions").failure_threshold(1);

fn down() -> Rejected {
    Rejected::timed_out("down", secs(1))
}

#[circuit_breaker(PARTNERS, key = partner)]
async fn order(partner: String, fails: bool) -> Result<usize, Rejected> {
    if fails { Err(down()) } else { Ok(partner.len()) }
}

#[circuit_breaker(PARTNERS, key = partner)]
#[timeout("5s")]
async fn cancel(partner: &str) -> Result<usize, Rejected> {
    Ok(partner.len())
}

/// The key is made of what the body takes away.
#[circuit_breaker(REGIONS, key = (tenant, region))]
async fn region(tenant: Tenant, region: u8, fails: bool) -> Result<Tenant, Rejected> {
    if fails { Err(down()) } else { Ok(tenant) }
}

struct Client {
    partners: Arc<CircuitBreakers<u64>>,
    hosts: CircuitBreakers<u64>,
    calls: u32,
}

impl Client {
    #[circuit_breaker(self.partners, key = partner % 10)]
    async fn count(&mut self, partner: u64, fails: bool) -> Result<u32, Rejected> {
        self.calls += 1;
        if fails { Err(down()) } else { Ok(self.calls) }
    }

    #[circuit_breaker(self.hosts, key = host)]
    fn not_async(&self, host: u64) -> Result<u64, Rejected> {
        Ok(host)
    }
}

#[tokio::test(start_paused = true)]
async fn attribute_uses_the_breaker_of_the_key() {
    for _ in 0..2 {
        order("slow".to_owned(), true).await.unwrap_err();
    }
    assert!(order("slow".to_owned(), false).await.unwrap_err().is_circuit_open());
    assert!(cancel("slow").await.unwrap_err().is_circuit_open(), "functions share the set");
    assert_eq!((order("fast".to_owned(), false).await, cancel("fast").await), (Ok(4), Ok(4)));

    let tenant = Tenant("t".to_owned());
    region(tenant.clone(), 1, true).await.unwrap_err();
    assert!(region(tenant.clone(), 1, false).await.unwrap_err().is_circuit_open());
    assert!(region(tenant.clone(), 2, false).await.is_ok());
    assert_eq!(REGIONS.get(&(tenant, 1)).state(), Open, "a tuple in parts is the same key");

    let partners = Arc::new(CircuitBreakers::new("field").failure_threshold(1));
    let mut client = Client { partners, hosts: CircuitBreakers::new("hosts"), calls: 0 };
    client.count(13, true).await.unwrap_err();
    assert!(client.count(3, false).await.unwrap_err().is_circuit_open());
    assert_eq!(client.count(4, false).await, Ok(2));
    client.hosts.get(&5).force_open();
    assert!(client.not_async(5).is_err() && client.not_async(6) == Ok(6));
}

static MIRRORS: CircuitBreakers<u8> = CircuitBreakers::new("mirrors").failure_threshold(2);
static BUDGET: RetryBudget = RetryBudget::new().no_refill();

#[retry(idempotent, attempts = 4, budget = BUDGET)]
#[circuit_breaker(MIRRORS, key = mirror)]
#[timeout("5s")]
async fn fetch(mirror: u8, calls: &AtomicU32, fails: bool) -> Result<u8, Rejected> {
    calls.fetch_add(1, Relaxed);
    if fails { Err(down()) } else { Ok(mirror) }
}

#[tokio::test(start_paused = true)]
async fn retry_stops_at_the_open_breaker_of_its_key_and_all_keys_share_its_budget() {
    let events = Events::capture();
    let calls = AtomicU32::new(0);
    assert_eq!(fetch(1, &calls, true).await, Err(down()));
    assert_eq!(calls.load(Relaxed), 2, "the second failure opens it");
    assert!(fetch(1, &calls, false).await.unwrap_err().is_circuit_open());
    assert_eq!(fetch(2, &calls, false).await, Ok(2));
    assert_eq!(fetch(3, &calls, true).await, Err(down()));
    assert_eq!(calls.load(Relaxed), 5);
    assert_eq!(format!("{}", BUDGET.tokens()), "91", "two retries, and a success");
    let stopped: Vec<_> =
        events.all().into_iter().filter(|event| event.line.contains("retry_stopped")).collect();
    let of = |n: usize, text: &str| stopped[n].line.contains(text);
    assert_eq!(stopped.len(), 2, "a call that was never made has no event: {stopped:?}");
    assert!(of(0, "circuit_open") && of(0, "attempts=2"), "{stopped:?}");
    assert!(of(1, "circuit_open") && of(1, "attempts=2"), "{stopped:?}");
}

static SLOW: CircuitBreakers<u8> = CircuitBreakers::new("slow").failure_threshold(1);

#[circuit_breaker(SLOW, key = key)]
#[timeout("1s")]
async fn hang(key: u8, started: &AtomicBool) -> Result<(), Rejected> {
    started.store(true, Relaxed);
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn timeout_inside_counts_for_the_key_and_a_dropped_call_does_not() {
    let started = AtomicBool::new(false);
    tokio::time::timeout(Duration::from_millis(10), hang(1, &started)).await.unwrap_err();
    assert_eq!((started.load(Relaxed), SLOW.get(&1).state()), (true, Closed));
    assert!(hang(2, &started).await.unwrap_err().is_timed_out());
    let states: [CircuitState; 2] = [1, 2].map(|key| SLOW.get(&key).state());
    assert_eq!((states, SLOW.metrics().abandoned), ([Closed, Open], 1));
}

static NAMES: CircuitBreakers<String> =
    CircuitBreakers::new("names").failure_threshold(1).log_keys(String::clone);
static PARTS: CircuitBreakers<Vec<u8>> = CircuitBreakers::new("parts").failure_threshold(1);

#[circuit_breaker(NAMES, key = name)]
async fn by_name(name: &str, fails: bool) -> Result<usize, Rejected> {
    if fails { Err(down()) } else { Ok(name.len()) }
}

#[circuit_breaker(NAMES, key = name)]
async fn by_owned_name(name: String) -> Result<String, Rejected> {
    Ok(name)
}

#[circuit_breaker(PARTS, key = &parts[..2])]
async fn by_part(parts: &[u8]) -> Result<u8, Rejected> {
    parts.get(2).copied().ok_or_else(down)
}

#[tokio::test(start_paused = true)]
async fn set_of_owned_keys_takes_borrowed_ones() {
    let events = Events::capture();
    by_name("a", true).await.unwrap_err();
    assert!(by_owned_name("a".to_owned()).await.unwrap_err().is_circuit_open());
    assert!(by_name("b", false).await.is_ok());
    assert_eq!(NAMES.get(&"a".to_owned()).state(), Open);
    let opened = events.all().into_iter().find(|event| event.name.contains("state_change"));
    assert!(opened.unwrap().line.contains(r#"key="a""#));

    by_part(&[1, 2]).await.unwrap_err();
    assert!(by_part(&[1, 2, 3]).await.unwrap_err().is_circuit_open());
    assert_eq!(by_part(&[1, 3, 4]).await, Ok(4));
    assert_eq!(PARTS.get(&vec![1, 2]).state(), Open);
}

static TOLD: CircuitBreakers<(Tenant, u8)> = CircuitBreakers::new("told").failure_threshold(1);

#[circuit_breaker(TOLD, key = (tenant, region), key_text = format!("{}/{region}", tenant.0))]
async fn told(tenant: Tenant, region: u8) -> Result<Tenant, Rejected> {
    if region == 0 { Err(down()) } else { Ok(tenant) }
}

#[tokio::test(start_paused = true)]
async fn text_of_a_tuple_is_in_the_events_if_the_attribute_says_it() {
    let events = Events::capture();
    let tenant = || Tenant("t".to_owned());
    told(tenant(), 0).await.unwrap_err();
    assert!(told(tenant(), 0).await.unwrap_err().is_circuit_open());
    assert!(told(tenant(), 1).await.is_ok());
    assert_eq!(TOLD.get(&(tenant(), 0)).state(), Open);
    let lines: Vec<String> = events.all().into_iter().map(|event| event.line).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines.iter().all(|line| line.contains(r#"key="t/0""#)), "{lines:?}");
}

struct Courier {
    breakers: Arc<CircuitBreakers<str>>,
    region: String,
}

#[circuit_breaker(self.breakers, key = self.region)]
impl Courier {
    async fn pick_up(&self, fails: bool) -> Result<(), Rejected> {
        if fails { Err(down()) } else { Ok(()) }
    }

    async fn deliver(&mut self, parcel: String) -> Result<String, Rejected> {
        Ok(parcel)
    }

    #[resilience(skip)]
    async fn cost(&self) -> Result<u32, Rejected> {
        std::future::ready(Ok(3)).await
    }
}

#[circuit_breaker(PARTNERS_OF_BLOCK, key = partner)]
impl Client {
    async fn buy(&self, partner: u64, fails: bool) -> Result<u64, Rejected> {
        if fails { Err(down()) } else { Ok(partner) }
    }

    async fn sell(&self, partner: u64) -> Result<u64, Rejected> {
        Ok(partner)
    }
}

static PARTNERS_OF_BLOCK: CircuitBreakers<u64> =
    CircuitBreakers::new("of a block").failure_threshold(1);

#[tokio::test(start_paused = true)]
async fn block_has_one_set_and_each_call_its_key() {
    let breakers = Arc::new(CircuitBreakers::new("couriers").failure_threshold(1));
    let mut courier = Courier { breakers, region: "north".to_owned() };
    courier.pick_up(true).await.unwrap_err();
    assert!(courier.deliver("box".to_owned()).await.unwrap_err().is_circuit_open());
    assert_eq!(courier.cost().await, Ok(3));
    courier.region = "south".to_owned();
    assert_eq!(courier.deliver("box".to_owned()).await.as_deref(), Ok("box"));

    let client = Client {
        partners: Arc::new(CircuitBreakers::new("p")),
        hosts: CircuitBreakers::new("h"),
        calls: 0,
    };
    client.buy(1, true).await.unwrap_err();
    assert!(client.sell(1).await.unwrap_err().is_circuit_open());
    assert_eq!((client.buy(2, false).await, client.sell(2).await), (Ok(2), Ok(2)));
}
