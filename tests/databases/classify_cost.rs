//! What it costs to classify a database's error: no allocation, whatever the driver makes of its
//! code.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use resilience::Classify;
use resilience::sql::{self, mariadb, mysql, postgres, sqlite};
use sqlx::{Connection as _, SqliteConnection};

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

fn allocations(run: impl FnOnce()) -> u32 {
    let before = ALLOCATIONS.get();
    run();
    ALLOCATIONS.get() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 1);
}

#[test]
fn no_code_of_any_system_allocates() {
    let states = ["23505", "57014", "40P01", "22ZZZ", "MY001", "", "not a code"];
    let count = allocations(|| {
        for state in states {
            black_box(postgres::classify(black_box(state)));
        }
        for number in 0..=u16::MAX {
            black_box((mysql::classify(number), mariadb::classify(number)));
            black_box(mysql::classify_either(number, Some("HY000")));
        }
        for code in -1000..10_000 {
            black_box(sqlite::classify(code).map(|condition| condition.classification()));
        }
    });
    assert_eq!(count, 0);
}

#[tokio::test]
async fn no_error_of_a_database_allocates() {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    sqlx::raw_sql("CREATE TABLE t (a INTEGER UNIQUE, b TEXT); INSERT INTO t VALUES (1, 'x')")
        .execute(&mut connection)
        .await
        .unwrap();
    for statement in ["INSERT INTO t (a) VALUES (1)", "SELECT a FROM missing"] {
        let error = sqlx::raw_sql(statement).execute(&mut connection).await.unwrap_err();
        let count = allocations(|| {
            black_box(black_box(&error).classify());
            black_box(sql::condition(black_box(&error)));
            black_box(sql::constraint(black_box(&error)));
        });
        assert_eq!(count, 0, "{statement}");
    }
    // What SQLx's own way to the code costs.
    let error =
        sqlx::raw_sql("INSERT INTO t (a) VALUES (1)").execute(&mut connection).await.unwrap_err();
    assert!(allocations(|| drop(black_box(error.as_database_error().unwrap().code()))) > 0);
}
