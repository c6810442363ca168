//! The time to classify a database's error, in nanoseconds: a bare code, and a real error of SQLx.
//!
//!     cargo bench -p resilience-database-tests --bench classify
//!     tests/with-services --only postgres,mysql \
//!         cargo bench -p resilience-database-tests --bench classify
//!
//! The second command has errors of real servers too. Each line is the fastest of many short
//! samples, over codes from all parts of the table: other load only makes a sample slower.

use std::hint::black_box;
use std::time::Instant;

use resilience::Classify;
use resilience::sql::{mariadb, mysql, postgres, sqlite};
use sqlx::{Connection as _, Error, MySqlConnection, PgConnection, SqliteConnection};

const SAMPLES: u32 = 2_000;
const CALLS: u32 = 1_000;

fn main() {
    let states =
        ["08006", "22001", "23505", "25P02", "40001", "40P01", "53300", "57014", "XX000", "22ZZZ"];
    measure("postgres::classify", &states, |state| {
        postgres::classify(state).map(|is| is.classification())
    });
    let numbers = [1040, 1045, 1062, 1205, 1213, 1366, 1452, 3024, 3572, 3999];
    measure("mysql::classify", &numbers, |&number| {
        mysql::classify(number).map(|is| is.classification())
    });
    let numbers = [1040, 1062, 1213, 1927, 1969, 4025, 4084, 4151, 4999];
    measure("mariadb::classify", &numbers, |&number| {
        mariadb::classify(number).map(|is| is.classification())
    });
    let codes = [1, 5, 13, 19, 275, 517, 787, 1555, 2067, 9226];
    measure("sqlite::classify", &codes, |&code| {
        sqlite::classify(code).map(|is| is.classification())
    });

    measure("sqlx::Error::PoolTimedOut", &[Error::PoolTimedOut], Classify::classify);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (name, error) in runtime.block_on(real_errors()) {
        match error {
            Some(error) => measure(name, &[error], Classify::classify),
            None => println!("{name:<40} skipped: needs its server; see tests/with-services"),
        }
    }
}

fn measure<T, R>(name: &str, inputs: &[T], classify: impl Fn(&T) -> R) {
    let mut fastest = f64::INFINITY;
    for _ in 0..SAMPLES {
        let start = Instant::now();
        for call in 0..CALLS {
            black_box(classify(black_box(&inputs[call as usize % inputs.len()])));
        }
        fastest = fastest.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS));
    }
    println!("{name:<40} {fastest:6.1} ns");
}

/// A unique violation of each available database.
async fn real_errors() -> [(&'static str, Option<Error>); 3] {
    const TABLE: &str = "CREATE TEMPORARY TABLE classified (a INTEGER UNIQUE)";
    const ROW: &str = "INSERT INTO classified VALUES (1)";

    macro_rules! violation {
        ($connection:ty, $url:expr) => {
            match $url {
                Some(url) => {
                    let mut connection = <$connection>::connect(&url).await.unwrap();
                    for statement in [TABLE, ROW] {
                        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
                    }
                    Some(sqlx::raw_sql(ROW).execute(&mut connection).await.unwrap_err())
                }
                None => None,
            }
        };
    }

    [
        (
            "sqlx::Error of SQLite",
            violation!(SqliteConnection, Some(String::from("sqlite::memory:"))),
        ),
        (
            "sqlx::Error of PostgreSQL",
            violation!(PgConnection, std::env::var("RESILIENCE_POSTGRES_URL").ok()),
        ),
        (
            "sqlx::Error of MySQL or MariaDB",
            violation!(MySqlConnection, std::env::var("RESILIENCE_MYSQL_URL").ok()),
        ),
    ]
}
