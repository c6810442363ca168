//! The delays against a simple reference in 128-bit numbers, which need no saturation.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use resilience::{
    Retry,
    retry::{Jitter, seed_jitter},
    secs,
};

/// The documented bounds of the delay before the retry with this number, in nanoseconds.
fn bounds(base: u128, max: u128, jitter: Jitter, n: u32, previous: u128) -> (u128, u128) {
    let base = base.min(max);
    let exponential = if n < 100 {
        base << n.min(60) << n.saturating_sub(60).min(4)
    } else if base == 0 {
        0
    } else {
        u128::MAX
    };
    let capped = exponential.min(max);
    let additive =
        |jitter: u128| (exponential.min(max - jitter), exponential.min(max - jitter) + jitter);
    match jitter {
        Jitter::Standard => additive(base.min((max - base).max(max / 10))),
        Jitter::UpTo(jitter) => additive(jitter.as_nanos().min(max)),
        Jitter::Full => (0, capped),
        Jitter::Equal => (capped / 2, capped),
        Jitter::Decorrelated => (base.min(max), (3 * previous.max(base)).min(max)),
        _ => (capped, capped),
    }
}

fn jitters() -> impl Strategy<Value = Jitter> {
    prop_oneof![
        Just(Jitter::Standard),
        Just(Jitter::Full),
        Just(Jitter::Equal),
        Just(Jitter::Decorrelated),
        Just(Jitter::None),
        (0..100_000_u64).prop_map(|ms| Jitter::UpTo(Duration::from_millis(ms))),
    ]
}

proptest! {
    #[test]
    fn every_delay_stays_within_the_documented_bounds(
        base in 0..100_000_000_000_u64,
        max in 0..200_000_000_000_u64,
        jitter in jitters(),
        seed: u64,
    ) {
        seed_jitter(seed);
        let policy = Retry::new().base(Duration::from_nanos(base)).max_delay(Duration::from_nanos(max)).jitter(jitter);
        let mut previous = 0;
        for (n, delay) in (0_u32..64).zip(policy.delays()) {
            let delay = delay.as_nanos();
            let (least, most) = bounds(base.into(), max.into(), jitter, n, previous);
            prop_assert!((least..=most).contains(&delay), "retry {n}: {delay} is not in {least}..={most}");
            prop_assert!(delay <= u128::from(max));
            previous = delay;
        }
    }
}

#[test]
fn large_attempt_numbers_neither_panic_nor_overflow() {
    let day = secs(86_400);
    for jitter in [
        Jitter::Standard,
        Jitter::Full,
        Jitter::Equal,
        Jitter::Decorrelated,
        Jitter::None,
        Jitter::UpTo(day),
    ] {
        for (base, max) in [
            (day, secs(u64::MAX)),
            (secs(u64::MAX), secs(u64::MAX)),
            (day, day),
            (Duration::ZERO, day),
        ] {
            let policy = Retry::new().base(base).max_delay(max).jitter(jitter);
            for n in [0, 1, 40, 63, 64, 65, 1_000_000] {
                let delay = policy.delays().nth(n).expect("delays never end");
                assert!(delay <= max, "{jitter:?} {base:?} {max:?} {n}: {delay:?}");
            }
        }
    }
}

#[test]
fn delays_at_the_cap_are_still_jittered() {
    let policy = Retry::new().base(secs(1)).max_delay(secs(30));
    let mut late: Vec<_> =
        (0..50).map(|_| policy.delays().nth(20).expect("delays never end")).collect();
    late.sort_unstable();
    late.dedup();
    assert!(late.len() > 40, "{late:?}");
    assert!(late.iter().all(|delay| (secs(29)..=secs(30)).contains(delay)), "{late:?}");
}

#[test]
fn every_jitter_keeps_clients_apart_at_every_retry() {
    const CLIENTS: usize = 10_000;
    seed_jitter(11);
    for jitter in
        [Jitter::Standard, Jitter::Full, Jitter::Equal, Jitter::Decorrelated, Jitter::UpTo(secs(1))]
    {
        let policy = Retry::new().jitter(jitter);
        let mut clients: Vec<_> = (0..CLIENTS).map(|_| policy.delays()).collect();
        for retry in 1..=20 {
            let mut clients_per_millisecond = HashMap::new();
            for client in &mut clients {
                let delay = client.next().expect("delays never end");
                *clients_per_millisecond.entry(delay.as_millis()).or_insert(0) += 1;
            }
            // The narrowest range is that of the first full jitter: 500 milliseconds.
            let most = clients_per_millisecond.into_values().max().unwrap_or(0);
            assert!(most <= CLIENTS / 100, "{jitter:?}, retry {retry}: {most} wait equally long");
        }
    }
}
