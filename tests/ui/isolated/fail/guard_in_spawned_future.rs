use resilience::testing::isolate;

async fn test() {
    let _guard = isolate();
    tokio::task::yield_now().await;
}

fn main() {
    resilience::spawn(test());
}
