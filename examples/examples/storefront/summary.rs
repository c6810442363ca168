//! Compares what the customers saw with what the upstreams really did.

use std::collections::BTreeMap;

use crate::Scene;
use crate::load::Tally;
use crate::screen::{GREEN, RED, paint};
use crate::shop::{ACME, GLOBEX, STOCK_MAX_AGE};
use crate::telemetry::{
    self, Counts, Dependency, INVENTORY, PARTNERS, PAYMENTS, RECOMMENDATIONS, SEARCH,
};
use crate::upstream::Upstream;

/// Width of the figures.
const WIDTH: usize = 92;

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
    [pages(&tally), degradation(&tally), breakers(scene), orders(scene, &tally)]
        .into_iter()
        .flatten()
        .collect()
}

fn pages(tally: &Tally) -> Vec<Check> {
    vec![Check {
        holds: tally.pages > 0 && tally.wrong.is_empty(),
        what: "Every page was served during the outages",
        figures: format!(
            "{} pages; {} correct \"No such item\" answers; {} wrong answers",
            tally.pages,
            tally.absent,
            tally.wrong.len()
        ),
    }]
}

fn degradation(tally: &Tally) -> Vec<Check> {
    let stock = [INVENTORY.log().degraded("cache"), INVENTORY.log().degraded("default")];
    let oldest = INVENTORY.log().oldest;
    let switched_off = RECOMMENDATIONS.counts().switched_off;
    let flips = telemetry::flips();
    let degraded = [&INVENTORY, &RECOMMENDATIONS, &SEARCH, &PARTNERS];
    let logged = |of: &Dependency| {
        let log = of.log();
        log.degraded("cache") + log.degraded("default")
    };
    let seen = |of: &Dependency| {
        tally.seen(of, "cache") + tally.seen(of, "default") - of.counts().switched_off
    };
    vec![
        Check {
            holds: stock.iter().all(|count| *count > 0)
                && stock == ["cache", "default"].map(|source| tally.seen(&INVENTORY, source))
                && oldest <= STOCK_MAX_AGE,
            what: "Stock degraded to its last good value, and when that was old, to a default",
            figures: format!(
                "{} stale, at most {:.1} s old; {} defaults; all right for their item",
                stock[0],
                oldest.as_secs_f64(),
                stock[1]
            ),
        },
        Check {
            holds: flips == [false, true] && switched_off > 0,
            what: "Recommendations were switched off and on again, with one event for each flip",
            figures: format!(
                "{} flips logged; {switched_off} pages had bestsellers without a call",
                flips.len()
            ),
        },
        Check {
            holds: degraded.iter().all(|of| logged(of) > 0 && logged(of) == seen(of)),
            what: "Exactly the degraded answers that customers saw were logged",
            figures: each(&degraded, |of| format!("{} of {}", logged(of), seen(of))),
        },
    ]
}

fn breakers(scene: &Scene) -> Vec<Check> {
    let retrying = [&INVENTORY, &RECOMMENDATIONS, &PAYMENTS];
    let openings = |of: &Dependency, what: &dyn Fn(&str, &str) -> bool| -> u64 {
        let opened = of.log().opened;
        opened.iter().filter(|((key, why), _)| what(key, why)).map(|(_, count)| count).sum()
    };
    let by_rate = openings(&SEARCH, &|_, why| why == "failure_rate");
    let [acme, globex] =
        [ACME, GLOBEX].map(|partner| openings(&PARTNERS, &|key, _| key == partner.0));
    let globex_received = scene.servers(&PARTNERS).find(|at| at.name == GLOBEX.0);
    let globex_received = globex_received.map_or(0, Upstream::arrived);
    let offers = PARTNERS.counts().calls / 2;
    let (waited, early) = scene.servers(&PAYMENTS).next().map_or((0, 0), |at| at.patience.counts());
    vec![
        Check {
            holds: telemetry::ALL.iter().all(|of| of.counts().rejected > 0),
            what: "Open circuits rejected attempts to call services that were down",
            figures: each(&telemetry::ALL, |of| {
                let Counts { sent, rejected, .. } = of.counts();
                format!("{rejected} of {}", sent + rejected)
            }),
        },
        Check {
            holds: telemetry::ALL.iter().all(|of| of.guard.opened() > 0 && of.guard.is_closed()),
            what: "Every circuit opened, and closed again",
            figures: each(&telemetry::ALL, |of| {
                format!("opened {} times, now {}", of.guard.opened(), of.guard.state().1)
            }),
        },
        Check {
            holds: by_rate > 0,
            what: "Search failed two calls in three, never five in a row: its failure rate opened it",
            figures: format!("opened {by_rate} times by the rate of the last 20 calls"),
        },
        Check {
            holds: acme > 0 && globex == 0 && globex_received == offers,
            what: "One broken partner didn't trip the other",
            figures: format!(
                "acme's circuit opened {acme} times, globex's {globex}; globex got {globex_received} \
                 of {offers} calls"
            ),
        },
        Check {
            holds: telemetry::ALL.iter().all(|of| {
                let Counts { calls, sent, retries, rejected, switched_off } = of.counts();
                calls + retries == sent + rejected + switched_off && scene.received(of) <= sent
            }),
            what: "Every attempt is accounted for: calls + retries = sent + rejected + switched off",
            figures: each(&telemetry::ALL, |of| {
                let Counts { calls, sent, retries, rejected, switched_off } = of.counts();
                format!("{calls} + {retries} = {sent} + {rejected} + {switched_off}")
            }),
        },
        Check {
            holds: retrying.iter().all(|of| of.counts().retries > 0),
            what: "Failed calls were retried until a limit was reached",
            figures: each(&retrying, |of| format!("{}{}", of.counts().retries, reasons(of))),
        },
        Check {
            holds: early == 0 && waited > 0,
            what: "No call to payments came earlier than its Retry-After allowed",
            figures: format!("{waited} waited, {early} came too early"),
        },
    ]
}

fn orders(scene: &Scene, tally: &Tally) -> Vec<Check> {
    let charges = scene.ledger.charges();
    let by_order: BTreeMap<_, _> =
        charges.iter().map(|charge| (charge.order.clone(), charge.cents)).collect();
    let taken: u64 = charges.iter().map(|charge| charge.cents).sum();
    let owed: u64 = tally.paid.values().sum();
    let paid = tally.queued.iter().filter(|order| tally.paid.contains_key(*order)).count();
    vec![
        Check {
            holds: paid > 0 && paid == tally.queued.len(),
            what: "While payments' circuit was open, orders were queued; all were paid later",
            figures: format!("{} queued, {paid} of them paid", tally.queued.len()),
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
                money(owed),
                scene.ledger.repeats()
            ),
        },
    ]
}

/// The figures of each dependency, with a line break where they would be too long for a line.
fn each(dependencies: &[&Dependency], figures: impl Fn(&Dependency) -> String) -> String {
    let mut text = String::new();
    let mut width = 0;
    for of in dependencies {
        let figures = format!("{} {}", of.name(), figures(of));
        if !text.is_empty() {
            text.push(';');
            width += 1;
        }
        if width > 0 && width + 1 + figures.len() > WIDTH {
            text.push_str("\n       ");
            width = 0;
        } else if width > 0 {
            text.push(' ');
            width += 1;
        }
        width += figures.len();
        text.push_str(&figures);
    }
    text
}

fn reasons(of: &Dependency) -> String {
    let log = of.log();
    let reasons: Vec<_> =
        log.given_up.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    if reasons.is_empty() { String::new() } else { format!(" (stopped: {})", reasons.join(", ")) }
}

fn money(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
