//! `#[transaction]` on real databases: SQLite always, PostgreSQL and MariaDB where they are there.

mod basics;
mod interrupted;
mod mysql;
mod nest;
mod postgres;
mod shapes;
mod sqlite;
mod support;
