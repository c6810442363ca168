use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor, MySqlConnection, MySqlPool, PgConnection,
    PgPool,
};

/// An empty database on the shared PostgreSQL.
pub struct Postgres {
    /// How to connect to it.
    pub options: PgConnectOptions,
}

/// A new database, or `None` after saying so where there is no server.
#[track_caller]
pub fn postgres() -> impl Future<Output = Option<Postgres>> {
    let url = url("RESILIENCE_POSTGRES_URL", "PostgreSQL");
    async {
        let options: PgConnectOptions = url?.parse().expect("a URL of PostgreSQL");
        let name = super::unique();
        let mut server = options.connect().await.expect("the server is ready");
        server
            .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .await
            .expect("a new database");
        server.close().await.expect("a farewell");
        Some(Postgres { options: options.database(&name) })
    }
}

impl Postgres {
    /// A session outside any pool.
    pub async fn connect(&self) -> PgConnection {
        self.options.connect().await.expect("a session")
    }

    /// A pool of so many connections, which is patient.
    pub fn pool(&self, max: u32) -> PgPool {
        PgPoolOptions::new().max_connections(max).connect_lazy_with(self.options.clone())
    }
}

/// An empty database on the shared MariaDB.
pub struct Mysql {
    /// How to connect to it.
    pub options: MySqlConnectOptions,
}

/// A new database, or `None` after saying so where there is no server.
#[track_caller]
pub fn mysql() -> impl Future<Output = Option<Mysql>> {
    let url = url("RESILIENCE_MYSQL_URL", "MariaDB");
    async {
        let options: MySqlConnectOptions = url?.parse().expect("a URL of MariaDB");
        let name = super::unique();
        let mut server = options.connect().await.expect("the server is ready");
        server
            .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .await
            .expect("a new database");
        server.close().await.expect("a farewell");
        Some(Mysql { options: options.database(&name) })
    }
}

impl Mysql {
    /// A session outside any pool.
    pub async fn connect(&self) -> MySqlConnection {
        self.options.connect().await.expect("a session")
    }

    /// A pool of so many connections, which is patient.
    pub fn pool(&self, max: u32) -> MySqlPool {
        MySqlPoolOptions::new().max_connections(max).connect_lazy_with(self.options.clone())
    }
}

#[track_caller]
pub(crate) fn url(variable: &str, needs: &str) -> Option<String> {
    let url = std::env::var(variable).ok();
    if url.is_none() {
        super::skip(needs);
    }
    url
}
