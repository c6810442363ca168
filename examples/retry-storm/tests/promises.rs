//! What the defaults promise for an outage, with a quarter of the plot's clients.

use resilience_retry_storm::measure::Outcome;
use resilience_retry_storm::policies::Policy;
use resilience_retry_storm::scenario::Scenario;

fn smaller(scenario: Scenario) -> Scenario {
    Scenario { clients: 2_500, capacity: 500, longest_queue: 1_000, ..scenario }
}

fn run(scenario: &Scenario, policy: &Policy, seed: u64) -> Outcome {
    scenario.run(policy, seed, |_| ())
}

fn named(name: &str) -> Policy {
    Policy::all().into_iter().find(|policy| policy.name == name).expect("it is in the list")
}

#[test]
fn retries_add_at_most_a_tenth_in_an_outage() {
    for scenario in [Scenario::restart(), Scenario::stall()].map(smaller) {
        for policy in [Policy::retry(), Policy::breaker()] {
            let amplification = run(&scenario, &policy, 1).summary.amplification;
            assert!(amplification <= 1.1, "{} {policy:?}: {amplification}", scenario.name);
        }
    }
}

#[test]
fn goodput_is_normal_within_two_seconds_of_a_restart() {
    let scenario = smaller(Scenario::restart());
    for policy in [Policy::retry(), Policy::breaker()] {
        for seed in 1..4 {
            let recovery = run(&scenario, &policy, seed).summary.recovery;
            assert!(recovery.is_some_and(|seconds| seconds <= 2), "{policy:?}: {recovery:?}");
        }
    }
}

#[test]
fn a_stall_ends_with_a_budget_and_never_with_a_naive_loop() {
    let scenario = smaller(Scenario::stall());
    let recovery = |policy: &Policy| run(&scenario, policy, 1).summary.recovery;
    assert!(recovery(&Policy::retry()).is_some_and(|seconds| seconds <= 5));
    assert_eq!(recovery(&named("naive")), None);
}

#[test]
fn equal_seeds_give_equal_results() {
    let scenario = Scenario {
        clients: 500,
        capacity: 500,
        longest_queue: 500,
        outage: 15..20,
        length: 30,
        ..Scenario::stall()
    };
    for policy in Policy::all() {
        let first = run(&scenario, &policy, 7).seconds;
        assert_eq!(first, run(&scenario, &policy, 7).seconds, "{policy:?}");
        assert_ne!(first, run(&scenario, &policy, 8).seconds, "{policy:?}");
    }
}
