use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor, MySqlConnection, MySqlPool, PgConnection,
    PgPool,
};

macro_rules! shared_server {
    (
        $(#[$docs:meta])*
        $database:ident, $create:ident, $variable:literal, $name:literal,
        $options:ty, $connection:ty, $pool_options:ty, $pool:ty $(,)?
    ) => {
        $(#[$docs])*
        pub struct $database {
            /// How to connect to it.
            pub options: $options,
        }

        /// A new database, or `None` after printing a note if there is no server.
        #[track_caller]
        pub fn $create() -> impl Future<Output = Option<$database>> {
            let url = url($variable, $name);
            async {
                let options: $options = url?.parse().expect(concat!("a URL of ", $name));
                let name = super::unique();
                let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
                let mut server = options.connect().await.expect("the server is ready");
                server.execute(create).await.expect("a new database");
                server.close().await.expect("a farewell");
                Some($database { options: options.database(&name) })
            }
        }

        impl $database {
            /// A session outside any pool.
            pub async fn connect(&self) -> $connection {
                self.options.connect().await.expect("a session")
            }

            /// A pool of at most so many connections, with a long acquire timeout.
            pub fn pool(&self, max: u32) -> $pool {
                <$pool_options>::new().max_connections(max).connect_lazy_with(self.options.clone())
            }
        }
    };
}

shared_server! {
    /// An empty database on the shared PostgreSQL.
    Postgres, postgres, "RESILIENCE_POSTGRES_URL", "PostgreSQL",
    PgConnectOptions, PgConnection, PgPoolOptions, PgPool,
}
shared_server! {
    /// An empty database on the shared MariaDB.
    Mysql, mysql, "RESILIENCE_MYSQL_URL", "MariaDB",
    MySqlConnectOptions, MySqlConnection, MySqlPoolOptions, MySqlPool,
}

/// The URL of a server, or `None` after printing a note if there is none.
#[track_caller]
pub(super) fn url(variable: &str, name: &str) -> Option<String> {
    let url = std::env::var(variable).ok();
    if url.is_none() {
        super::skip(name);
    }
    url
}
