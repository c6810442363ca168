use resilience::{CircuitBreaker, secs};

static TWO_MODES: CircuitBreaker =
    CircuitBreaker::new("search").failure_threshold(5).failure_rate(50);

static WITHOUT_RATE: CircuitBreaker = CircuitBreaker::new("search").window(100);

static MINIMUM_ABOVE_WINDOW: CircuitBreaker =
    CircuitBreaker::new("search").failure_rate(50).window(10).min_calls(20);

static NEVER_SLOW: CircuitBreaker =
    CircuitBreaker::new("search").failure_rate(50).slow_calls(secs(2), 101);

fn main() {
    let _ = (TWO_MODES.name(), WITHOUT_RATE.name());
    let _ = (MINIMUM_ABOVE_WINDOW.name(), NEVER_SLOW.name());
}
