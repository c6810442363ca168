//! The table of a scenario.

use std::fmt::Write as _;

use crate::measure::Outcome;
use crate::scenario::Scenario;

/// A table in Markdown.
pub fn of(scenario: &Scenario, outcomes: &[Outcome]) -> String {
    let mut text = format!(
        "**{}**: {}.\n\n\
         | policy | peak load | requests per call in the outage | recovered after | calls lost |\n\
         |---|---:|---:|---:|---:|\n",
        scenario.name, scenario.description
    );
    for Outcome { policy, summary, .. } in outcomes {
        let recovery = match summary.recovery {
            Some(seconds) => format!("{seconds} s"),
            None => "never".to_owned(),
        };
        // Writing to a `String` can't fail.
        let _ = writeln!(
            text,
            "| {policy} | {:.1} × | {:.2} | {recovery} | {} |",
            summary.peak_load, summary.amplification, summary.lost
        );
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Summary;

    #[test]
    fn a_row_says_whether_the_service_recovered() {
        let outcome = |policy, recovery| {
            let summary = Summary { peak_load: 1.26, amplification: 1.0, recovery, lost: 7 };
            Outcome { policy, seconds: Vec::new(), summary }
        };
        let outcomes = [outcome("one", Some(3)), outcome("two", None)];
        let table = of(&Scenario::restart(), &outcomes);
        assert!(
            table.ends_with(
                "| one | 1.3 × | 1.00 | 3 s | 7 |\n| two | 1.3 × | 1.00 | never | 7 |\n\n"
            )
        );
    }
}
