//! The catalog as JSON and as Markdown.

use resilience::{ServiceError, catalog};

#[derive(Debug, thiserror::Error, ServiceError)]
#[service(domain = "orders")]
#[allow(dead_code, reason = "only its catalogue is looked at")]
enum OrderError {
    /// Somebody else took the last one | or
    /// the <b>warehouse</b> burned.
    ///
    /// More than a summary.
    #[error("{sku} is sold out")]
    #[service(conflict, public = "Sold out | {sku}")]
    SoldOut {
        #[service(expose)]
        sku: String,
    },
    #[error("busy")]
    #[service(transient)]
    Busy,
}

#[derive(Debug, thiserror::Error, ServiceError)]
#[error("the books don't add up")]
#[service(corrupt_state)]
struct Unbalanced;

#[test]
fn markdown_catalog_escapes_table_syntax() {
    assert_eq!(
        catalog::to_markdown(&[OrderError::CATALOG, Unbalanced::CATALOG]),
        "\
| code | status | category | severity | clients read | meaning |
|---|---|---|---|---|---|
| `orders` `CONFLICT` | 409 | permanent | expected | Sold out \\| {sku} | Somebody else took the last one \\| or the &lt;b&gt;warehouse&lt;/b&gt; burned. |
| `orders` `BUSY` | 503 | transient | expected | The service is temporarily unavailable | |
| `CORRUPT_STATE` | 500 | fatal | critical | An internal error occurred | |
"
    );
}

#[test]
fn json_catalog_has_every_field_of_each_entry() {
    let json: serde_json::Value =
        serde_json::from_str(&catalog::to_json(&[OrderError::CATALOG, Unbalanced::CATALOG]))
            .unwrap();
    assert_eq!(
        json[0],
        serde_json::json!({
            "variant": "SoldOut",
            "code": "CONFLICT",
            "domain": "orders",
            "category": "permanent",
            "severity": "expected",
            "status": 409,
            "public": "Sold out | {sku}",
            "generic": false,
            "doc": "Somebody else took the last one | or\nthe <b>warehouse</b> burned.\n\nMore than a summary.",
        })
    );
    assert_eq!(json[2]["domain"], serde_json::Value::Null);
    assert_eq!(json[2]["generic"], true);
    assert_eq!(json.as_array().unwrap().len(), 3);
}
