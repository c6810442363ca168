//! An allocator that counts the allocations of each thread.
//!
//! A test binary that measures allocations installs it:
//!
//! ```
//! use resilience_test_support::allocations::{Counting, allocations};
//!
//! #[global_allocator]
//! static ALLOCATOR: Counting = Counting;
//!
//! assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, with a counter for each thread.
#[derive(Debug)]
pub struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u32> = const { Cell::new(0) };
    static BYTES: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: the system's allocator does the work; counting neither allocates nor unwinds.
#[expect(unsafe_code, reason = "a global allocator can't be written without")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is about to end has no counter.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        let _ = BYTES.try_with(|bytes| bytes.set(bytes.get().wrapping_add_unsigned(layout.size())));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let _ = BYTES.try_with(|bytes| bytes.set(bytes.get().wrapping_sub_unsigned(layout.size())));
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The allocations that a function makes on this thread.
pub fn allocations(run: impl FnOnce()) -> u32 {
    let before = so_far();
    run();
    so_far() - before
}

/// The allocations of this thread so far; for work that awaits.
pub fn so_far() -> u32 {
    ALLOCATIONS.get()
}

/// The bytes that this thread has allocated and not freed.
pub fn held_bytes() -> isize {
    BYTES.get()
}
