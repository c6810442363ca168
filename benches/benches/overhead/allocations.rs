//! Counts allocations, per thread, so that counting costs the contenders nothing that they would
//! have to share.
#![expect(unsafe_code, reason = "there is no other way to be the global allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static MADE: Cell<u64> = const { Cell::new(0) };
}

pub(crate) fn on_this_thread() -> u64 {
    MADE.get()
}

// SAFETY: everything goes to the system's allocator as it came. The counter is a plain cell without
// a destructor, so counting neither allocates nor panics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MADE.set(MADE.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        MADE.set(MADE.get() + 1);
        unsafe { System.realloc(pointer, layout, size) }
    }
}
