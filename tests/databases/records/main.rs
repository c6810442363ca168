//! Log records about errors of databases.

mod servers;
mod sqlite;
