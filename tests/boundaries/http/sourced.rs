//! A `Sourced` value as JSON: its own fields, `source` and `stale`.

use resilience::{Sourced, secs};
use serde::Serialize;
use serde_json::{json, to_value};

#[derive(Serialize)]
struct Stock {
    sku: &'static str,
    in_stock: bool,
}

#[derive(Serialize)]
struct Product {
    source: &'static str,
}

#[test]
fn fields_of_the_value_stand_beside_its_source() {
    let live = Sourced::live(Stock { sku: "42", in_stock: false });
    assert_eq!(
        to_value(&live).unwrap(),
        json!({"sku": "42", "in_stock": false, "source": "live", "stale": false})
    );
    let stale = Sourced::stale(Stock { sku: "42", in_stock: true }, secs(3));
    assert_eq!(
        to_value(&stale).unwrap(),
        json!({"sku": "42", "in_stock": true, "source": "cache", "stale": true})
    );
    let fallback = stale.map(|stock| Stock { sku: "7", ..stock });
    assert_eq!(to_value(&fallback).unwrap()["source"], "cache");
}

#[test]
fn value_without_fields_or_with_these_names_stands_alone() {
    let fallback = Sourced::fallback(vec![1, 2], "CIRCUIT_OPEN");
    assert_eq!(
        to_value(&fallback).unwrap(),
        json!({"value": [1, 2], "source": "default", "stale": true})
    );
    let live = Sourced::live(Product { source: "oak" });
    assert_eq!(
        to_value(&live).unwrap(),
        json!({"value": {"source": "oak"}, "source": "live", "stale": false})
    );
}
