//! Compares what the customers saw with what the upstreams really did.

use std::collections::BTreeMap;

use resilience::circuit_breaker::CircuitState;

use crate::Scene;
use crate::screen::{GREEN, RED, paint};
use crate::telemetry::{self, Counts, Dependency};

pub(crate) struct Check {
    holds: bool,
    what: &'static str,
    figures: String,
}

/// Prints the checks, and returns whether all hold.
pub(crate) fn print(scene: &Scene, coloured: bool) -> bool {
    let checks = checks(scene);
    for Check { holds, what, figures } in &checks {
        let verdict =
            if *holds { paint("ok   ", GREEN, coloured) } else { paint("WRONG", RED, coloured) };
        println!("{verdict}  {what}\n       {figures}");
    }
    for wrong in scene.customers.tally().wrong.iter().take(5) {
        println!("       {wrong}");
    }
    checks.iter().all(|check| check.holds)
}

fn checks(scene: &Scene) -> Vec<Check> {
    let tally = scene.customers.tally();
    let charges = scene.ledger.charges();
    let by_order: BTreeMap<_, _> =
        charges.iter().map(|charge| (charge.order.clone(), charge.cents)).collect();
    let taken: u64 = charges.iter().map(|charge| charge.cents).sum();
    let paid: u64 = tally.paid.values().sum();
    let degraded =
        [telemetry::INVENTORY.counts().degraded, telemetry::RECOMMENDATIONS.counts().degraded];
    let seen = [tally.stock_fallbacks, tally.recommendation_fallbacks];
    let (waited, early) = scene.upstreams[2].patience.counts();
    vec![
        Check {
            holds: tally.pages > 0 && tally.wrong.is_empty(),
            what: "Every page was served during the outages",
            figures: format!(
                "{} pages; {} correct \"No such item\" answers; {} wrong answers",
                tally.pages,
                tally.absent,
                tally.wrong.len()
            ),
        },
        Check {
            holds: degraded == seen && seen.iter().all(|count| *count > 0),
            what: "Exactly the fallbacks that customers saw were logged",
            figures: format!(
                "inventory: {} seen, {} logged; recommendations: {} seen, {} logged",
                seen[0], degraded[0], seen[1], degraded[1]
            ),
        },
        Check {
            holds: telemetry::ALL.iter().all(|of| of.counts().rejected > 0),
            what: "Open circuits rejected calls to services that were down",
            figures: each(|of| {
                let Counts { sent, rejected, .. } = of.counts();
                format!("{rejected} of {} attempts", sent + rejected)
            }),
        },
        Check {
            holds: scene.upstreams.iter().zip(telemetry::ALL).all(|(upstream, of)| {
                let Counts { calls, sent, retries, rejected, .. } = of.counts();
                calls + retries == sent + rejected && upstream.arrived() <= sent
            }),
            what: "Every attempt is accounted for: calls + retries = sent + rejected",
            figures: each(|of| {
                let Counts { calls, sent, retries, rejected, .. } = of.counts();
                format!("{calls} + {retries} = {sent} + {rejected}")
            }),
        },
        Check {
            holds: telemetry::ALL.iter().all(|of| {
                let metrics = of.breaker.metrics();
                metrics.opened > 0 && metrics.state == CircuitState::Closed
            }),
            what: "Every circuit opened, and closed again",
            figures: each(|of| {
                format!("opened {} times, now {}", of.breaker.metrics().opened, of.breaker.state())
            }),
        },
        Check {
            holds: telemetry::ALL.iter().all(|of| of.counts().retries > 0),
            what: "Failed calls were retried until a limit was reached",
            figures: each(|of| format!("{} retries{}", of.counts().retries, reasons(of))),
        },
        Check {
            holds: early == 0 && waited > 0,
            what: "No call to payments came earlier than its Retry-After allowed",
            figures: format!("{waited} waited, {early} came too early"),
        },
        Check {
            holds: tally.orders > 0 && tally.unpaid() == 0,
            what: "Every order was paid in the end",
            figures: format!(
                "{} of {}; {} checkouts were deferred",
                tally.paid.len(),
                tally.orders,
                tally.deferred
            ),
        },
        Check {
            holds: charges.len() == by_order.len()
                && by_order == tally.paid
                && scene.ledger.repeats() > 0,
            what: "No order was charged twice, though payments often charged and then failed",
            figures: format!(
                "{} charges for {} orders; {} taken, {} owed; {} repeated charges caught",
                charges.len(),
                tally.paid.len(),
                money(taken),
                money(paid),
                scene.ledger.repeats()
            ),
        },
    ]
}

fn each(figures: impl Fn(&Dependency) -> String) -> String {
    let each = telemetry::ALL.map(|of| format!("{}: {}", of.name(), figures(of)));
    each.join("\n       ")
}

fn reasons(of: &Dependency) -> String {
    let reasons: Vec<_> =
        of.given_up().iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    if reasons.is_empty() { String::new() } else { format!("; stopped: {}", reasons.join(", ")) }
}

fn money(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
