//! What the layer costs a request that succeeds: a name, a context and an operation have to be kept
//! somewhere, and no more than that.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::Request;
use resilience::axum::RequestLayer;
use tower::{Layer, ServiceExt as _};

/// Counts the allocations of the thread that asks.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u32> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: the system's allocator does the work; counting neither allocates nor unwinds.
#[expect(unsafe_code, reason = "a global allocator can't be written without")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is about to end has no count.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The layer that does nothing: what it costs, axum costs.
#[derive(Clone)]
struct Nothing;

impl<S> Layer<S> for Nothing {
    type Service = S;

    fn layer(&self, inner: S) -> S {
        inner
    }
}

/// The allocations of one request, the body included, after one that has warmed everything up.
async fn allocations(app: Router) -> u32 {
    let mut count = 0;
    for _ in 0..2 {
        let request = Request::get("/users/7").body(Body::empty()).unwrap();
        let app = app.clone();
        let before = ALLOCATIONS.get();
        let response = app.oneshot(request).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), 100).await.unwrap();
        count = ALLOCATIONS.get() - before;
        assert_eq!(body, "fine");
    }
    count
}

#[tokio::test]
async fn a_success_costs_a_handful_of_allocations() {
    let app = || Router::new().route("/users/{id}", get(async || "fine"));
    let without = allocations(app().layer(Nothing)).await;
    let with = allocations(app().layer(RequestLayer::new())).await;
    // The id and its context, the operation, what an inner layer may ask for, the answer's header,
    // and the body's wrapper.
    assert!(with - without <= 9, "{with} with the layer, {without} without");
}
