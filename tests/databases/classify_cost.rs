//! The cost of classifying a database's error: no allocation, although the driver makes some for
//! its code.

use std::hint::black_box;

use resilience::Classify;
use resilience::sql::{self, mariadb, mysql, postgres, sqlite};
use resilience_test_support::allocations::{Counting, allocations};
use sqlx::{Connection as _, SqliteConnection};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn allocation_counter_counts() {
    assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 1);
}

#[test]
fn classifying_a_code_does_not_allocate() {
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
async fn classifying_an_error_does_not_allocate() {
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
    // SQLx's own way to the code allocates.
    let error =
        sqlx::raw_sql("INSERT INTO t (a) VALUES (1)").execute(&mut connection).await.unwrap_err();
    assert!(allocations(|| drop(black_box(error.as_database_error().unwrap().code()))) > 0);
}
