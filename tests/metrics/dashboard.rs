//! The Grafana dashboard.

use std::collections::BTreeSet;

use serde_json::Value;

const DASHBOARD: &str = include_str!("../../examples/grafana.json");

fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match value {
                    Value::String(text) if key == "expr" || key == "query" => {
                        found.push(text.clone());
                    }
                    value => expressions(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

#[test]
fn dashboard_shows_all_metrics_and_no_others() {
    let dashboard = serde_json::from_str(DASHBOARD).expect("JSON");
    let mut found = Vec::new();
    expressions(&dashboard, &mut found);
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let shown: BTreeSet<String> = found
        .iter()
        .flat_map(|expression| expression.split(|c| !is_part(c)))
        .filter(|word| word.starts_with("resilience_"))
        .map(|word| {
            let word = word.strip_suffix("_count").or(word.strip_suffix("_sum")).unwrap_or(word);
            word.to_owned()
        })
        .collect();
    let exist: BTreeSet<String> =
        resilience::metrics::NAMES.iter().map(|name| name.replace('.', "_")).collect();
    assert_eq!(shown, exist);
}
