use std::time::{Duration, Instant};

/// Waits until a condition holds that only a server can report; fails after half a minute.
#[track_caller]
pub fn until(mut ask: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        let end = Instant::now() + Duration::from_secs(30);
        while !ask().await {
            assert!(Instant::now() < end, "still waiting at {place}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
