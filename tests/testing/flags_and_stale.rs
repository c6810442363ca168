use resilience::testing::{Script, isolated};
use resilience::{Flag, degrade, flags};

use crate::isolated::CallError;

static PRICES: Flag = Flag::new("testing-prices");

#[degrade(fallback = 0, flag = PRICES, stale(max_age = "1h", key = sku, shared(callee)))]
async fn price(sku: &str, callee: &Script<u32, CallError>) -> Result<u32, CallError> {
    let _ = sku;
    callee.call().await
}

#[tokio::test(start_paused = true)]
async fn stale_values_are_those_of_the_scope() {
    let callee = Script::new().answers(7).fails(1).forever();
    isolated(async {
        assert_eq!(price("a", &callee).await.unwrap(), 7);
        assert_eq!(price("a", &callee).await.unwrap(), 7, "the stale value");
    })
    .await;
    isolated(async { assert_eq!(price("a", &callee).await.unwrap(), 0, "the fallback") }).await;
    assert_eq!(price("a", &callee).await.unwrap(), 0, "outside");
}

#[tokio::test]
async fn flag_is_set_for_the_scope_only() {
    flags().register(&PRICES);
    let callee = Script::new().answers(7).forever();
    isolated(async {
        flags().set("testing-prices", false).unwrap();
        assert!(!PRICES.is_on());
        assert_eq!(price("b", &callee).await.unwrap(), 0);
        callee.assert_calls(0);
        isolated(async { assert!(PRICES.is_on()) }).await;
    })
    .await;
    assert!(PRICES.is_on());
}
